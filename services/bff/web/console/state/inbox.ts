/** The list of tickets, as fresh as its last answer. */
import { signal } from '@preact/signals'
import { type Api, type Filter, type InboxPage, PAGE_MOST } from '../api'
import type { Category, Row, Ticket } from '../model'
import { inbox as addressOf } from '../place'
import { type Failure, failure } from './failure'

/** Rows of a page. */
const PAGE = 20
/** Rows that are shown at the most, in rows: each look asks for all of them, a page at a time. */
export const ROWS_MOST = 500

export interface Inbox {
  filter: Filter
  rows: Row[]
  next: string
  /** The rows came from the server, for this filter. */
  loaded: boolean
  more: boolean
  failure: Failure | undefined
  counts: Partial<Record<Category, number>>
  /** A count that has reached it may be higher. */
  countLimit: number
}

const blank: Inbox = {
  filter: {},
  rows: [],
  next: '',
  loaded: false,
  more: false,
  failure: undefined,
  counts: {},
  countLimit: 0
}

/** One that moved while a page was fetched comes twice: where it came last counts. */
function joined(rows: Row[], more: Row[]): Row[] {
  const ids = new Set(more.map((row) => row.ticket.id))
  return [...rows.filter((row) => !ids.has(row.ticket.id)), ...more]
}

/** `reached` hears of each answer whether the server was reached. */
export function createInbox(api: Api, reached: (failed?: Failure) => void) {
  const list = signal(blank)
  let turn = 0

  /** At least a page, and `count` rows if there are so many; page by page, for as long as they are wanted. */
  async function asMany(filter: Filter, count: number, wanted: () => boolean): Promise<InboxPage> {
    const first = await api.inbox(filter, Math.min(PAGE_MOST, Math.max(PAGE, count)))
    let { rows, next } = first
    while (next && rows.length < count && wanted()) {
      const page = await api.inbox(filter, Math.min(PAGE_MOST, count - rows.length), next)
      rows = joined(rows, page.rows)
      next = page.next
    }
    return { ...first, rows, next }
  }

  /** Newest first and as many as were shown; an answer that another call has overtaken is dropped. */
  async function load(): Promise<boolean> {
    // the page that is on its way would be dropped, again and again where it takes long
    if (list.value.more) return true
    const mine = ++turn
    const { filter, rows } = list.value
    try {
      const page = await asMany(filter, rows.length, () => mine === turn)
      reached()
      if (mine === turn) list.value = { ...page, filter, loaded: true, more: false, failure: undefined }
      return true
    } catch (thrown) {
      const why = failure(thrown)
      reached(why)
      if (mine === turn) list.value = { ...list.value, more: false, failure: why }
      return false
    }
  }

  async function more() {
    const { filter, next } = list.value
    if (!next || list.value.more || list.value.rows.length >= ROWS_MOST) return
    const mine = ++turn
    list.value = { ...list.value, more: true }
    try {
      const page = await api.inbox(filter, PAGE, next)
      if (mine !== turn) return
      list.value = { ...list.value, rows: joined(list.value.rows, page.rows), next: page.next, more: false }
    } catch (thrown) {
      if (mine === turn) list.value = { ...list.value, more: false, failure: failure(thrown) }
    }
  }

  return {
    list,
    load,
    more,
    /** Shows other tickets; the counts stay until theirs come. */
    show(filter: Filter) {
      if (addressOf(filter) === addressOf(list.value.filter)) return false
      turn++
      list.value = { ...blank, filter, counts: list.value.counts, countLimit: list.value.countLimit }
      return true
    },
    /** A ticket that has just been changed here; the next answer puts it where it belongs. */
    put(ticket: Ticket) {
      const rows = list.value.rows.map((row) => (row.ticket.id === ticket.id ? { ...row, ticket } : row))
      list.value = { ...list.value, rows }
    }
  }
}
