/** Where in the console one is: all of it is in the address. Pure. */
import type { Filter } from './api'
import { CATEGORIES } from './model'

export const TABS = ['general', 'content', 'security', 'install', 'changes'] as const
export type Tab = (typeof TABS)[number]

export type Place =
  | { page: 'inbox'; filter: Filter; ticket: string }
  | { page: 'settings'; tab: Tab }
  | { page: 'missing' }

const SETTINGS = '/console/settings/channels/messenger'
/** Longest text that is searched for, in characters. */
export const SEARCH = 100

export function parse(pathname: string, search: string): Place {
  const path = pathname.replace(/\/+$/, '')
  const query = new URLSearchParams(search)
  if (path === '/console' || path === '/console/tickets') return { page: 'inbox', filter: filter(query), ticket: '' }
  const ticket = /^\/console\/tickets\/([A-Za-z0-9_]{1,64})$/.exec(path)?.[1]
  if (ticket) return { page: 'inbox', filter: filter(query), ticket }
  if (['/console/settings', '/console/settings/channels', SETTINGS].includes(path))
    return { page: 'settings', tab: 'content' }
  const tab = TABS.find((one) => path === `${SETTINGS}/${one}`)
  return tab ? { page: 'settings', tab } : { page: 'missing' }
}

function filter(query: URLSearchParams): Filter {
  const category = CATEGORIES.find((one) => one === query.get('state'))
  const shared = query.get('shared')
  const text = [...(query.get('q') ?? '')].slice(0, SEARCH).join('').trim()
  const requester = id('con', query.get('requester'))
  const assignee = id('tea', query.get('assignee'))
  return {
    ...(category && { category }),
    ...((shared === 'yes' || shared === 'no') && { shared: shared === 'yes' }),
    ...(text && { text }),
    ...(requester && { requester }),
    ...(assignee && { assignee })
  }
}

const id = (kind: string, text: string | null) =>
  new RegExp(`^${kind}_[A-Za-z0-9]{1,60}$`).test(text ?? '') ? (text ?? '') : ''

export function inbox(filter: Filter, ticket = ''): string {
  const query = new URLSearchParams()
  if (filter.category) query.set('state', filter.category)
  if (filter.shared !== undefined) query.set('shared', filter.shared ? 'yes' : 'no')
  if (filter.text) query.set('q', filter.text)
  if (filter.requester) query.set('requester', filter.requester)
  if (filter.assignee) query.set('assignee', filter.assignee)
  const asked = query.toString()
  return `/console/tickets${ticket && `/${ticket}`}${asked && `?${asked}`}`
}

/** The same tickets, narrowed in other ways; what is empty or undefined narrows nothing. */
export function narrowed(filter: Filter, change: Partial<Record<keyof Filter, unknown>>): Filter {
  const all = Object.entries({ ...filter, ...change })
  return Object.fromEntries(all.filter(([, value]) => value !== undefined && value !== ''))
}

export const settings = (tab: Tab): string => `${SETTINGS}/${tab}`
