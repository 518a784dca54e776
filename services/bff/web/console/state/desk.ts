/** The console's state and what can be done with it: calls make it, pages show it. */
import { computed, signal } from '@preact/signals'
import type { Client } from '../../rpc/connect'
import { type Api, api as makeApi } from '../api'
import type { Team, Ticket } from '../model'
import { inbox as inboxAddress, type Place, parse } from '../place'
import { createDrafts } from './drafts'
import { type Failure, failure } from './failure'
import { createInbox } from './inbox'
import { createOpened } from './opened'
import { poll } from './poll'
import { createWork } from './work'

/** The list and the open ticket are asked for this often while somebody looks, in milliseconds. */
const LIST_EVERY = 3_000
const TICKET_EVERY = 2_000
/** Good news is shown this long, in milliseconds; what went wrong, until it is put away. */
const TOLD = 6_000

export interface Toast {
  text: string
  bad: boolean
}

export function createDesk(client: Client) {
  const team = signal<Team>()
  const teamFailure = signal<Failure>()
  const place = signal<Place>(parse(location.pathname, location.search))
  /** Nobody is logged in any more. */
  const ended = signal(false)
  const online = signal(navigator.onLine)
  /** The last answer was none. */
  const lost = signal(false)
  const freshAt = signal(0)
  const toast = signal<Toast>()
  /** A link of ours was followed: the page that comes takes the focus. */
  const arriving = signal(false)
  const api: Api = makeApi(client, () => {
    ended.value = true
  })

  const reached = (failed?: Failure) => {
    lost.value = failed?.kind === 'network'
    if (failed) return
    freshAt.value = Date.now()
    if (!ended.value) return
    // somebody has logged in again, in another tab
    ended.value = false
    loadTeam()
  }
  let fading: ReturnType<typeof setTimeout> | undefined
  const tell = (text: string, bad = false) => {
    clearTimeout(fading)
    toast.value = { text, bad }
    if (!bad)
      fading = setTimeout(() => {
        toast.value = undefined
      }, TOLD)
  }

  const inbox = createInbox(api, reached)
  const opened = createOpened(api, reached)
  const drafts = createDrafts()
  const polls: { list?: ReturnType<typeof poll>; ticket?: ReturnType<typeof poll> } = {}
  const changed = (ticket: Ticket | undefined) => {
    if (!ticket) return
    opened.accept(ticket)
    inbox.put(ticket)
    polls.list?.now()
  }
  const reload = () => Promise.all([polls.ticket?.now(), polls.list?.now()])
  const work = createWork(api, drafts, changed, opened.talked, reload, tell)

  async function loadTeam() {
    teamFailure.value = undefined
    try {
      const told = await api.team()
      // what is on the screen and in the drafts is somebody else's
      if (team.value && team.value.me.id !== told.me.id) return location.reload()
      team.value = told
      drafts.restore(told.me.id)
      reached()
    } catch (thrown) {
      teamFailure.value = failure(thrown)
      reached(teamFailure.value)
    }
  }

  /** Shows what the address names, and asks for it from now on. */
  function arrive() {
    const next = parse(location.pathname, location.search)
    place.value = next
    work.problem.value = undefined
    if (next.page !== 'inbox') {
      polls.list?.stop()
      polls.ticket?.stop()
      delete polls.list
      delete polls.ticket
      opened.show('')
      return
    }
    const other = inbox.show(next.filter)
    if (!polls.list) {
      polls.list = poll(inbox.load, LIST_EVERY)
      polls.list.now()
    } else if (other) polls.list.now()
    if (!opened.show(next.ticket)) return
    polls.ticket?.stop()
    delete polls.ticket
    if (!next.ticket) return
    polls.ticket = poll(opened.load, TICKET_EVERY)
    polls.ticket.now()
  }

  function go(address: string, { replace = false } = {}) {
    if (address === `${location.pathname}${location.search}`) return
    history[replace ? 'replaceState' : 'pushState'](null, '', address)
    arrive()
  }

  return {
    api,
    team,
    teamFailure,
    place,
    ended,
    online,
    lost,
    freshAt,
    toast,
    inbox,
    opened,
    drafts,
    work,
    /** Whether the role lets one change tickets, or settings; until it is known, it does. */
    mayWork: computed(() => team.value?.me.role !== 'viewer'),
    mayConfigure: computed(() => !team.value || team.value.me.role === 'admin'),
    tell,
    hush() {
      toast.value = undefined
    },
    loadTeam,
    reloadTicket: () => polls.ticket?.now(),
    reloadList: () => polls.list?.now(),
    arrive,
    go,
    arriving,
    follow(address: string) {
      arriving.value = address !== `${location.pathname}${location.search}`
      go(address)
    },
    /** The address of a ticket in the list that is shown. */
    ticketAddress: (ticketId: string) => inboxAddress(inbox.list.value.filter, ticketId),
    /** Goes away to log in, and comes back here. */
    logIn() {
      if (team.value) drafts.stow(team.value.me.id)
      const query = new URLSearchParams({ return_to: `${location.pathname}${location.search}` })
      if (team.value) query.set('app', team.value.workspace.appId)
      location.assign(`/console/login?${query}`)
    },
    async logOut() {
      try {
        const answer = await fetch('/console/logout', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{}'
        })
        if (!answer.ok && answer.status !== 401) throw new Error(String(answer.status))
        location.assign(`/console/?${new URLSearchParams({ app: team.value?.workspace.appId ?? '' })}`)
      } catch {
        return false
      }
      return true
    }
  }
}

export type Desk = ReturnType<typeof createDesk>
