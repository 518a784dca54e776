/**
 * The Messenger's state and what can be done with it. Data goes one way: calls and frames become events,
 * pure reducers make the next state, screens show it.
 */
import { computed, signal } from '@preact/signals'
import { asRpcError } from '../rpc/errors'
import { type Phase, Watcher } from '../rpc/watch'
import { type Api, type Frame, PAGE_MOST } from './api'
import { t } from './i18n'
import { type Conversation, follows, type Home, type Tab, type Ticket, type TicketRow } from './model'
import type { Session } from './session'
import { type Failure, failure, lookUpFailure } from './state/failure'
import * as list from './state/list'
import * as route from './state/route'
import * as strip from './state/strip'
import * as thread from './state/thread'

/** Rows of a first page. */
const PAGE = 20
/** A message that could not be sent is tried again after this long at the latest, in milliseconds. */
const RESEND = 10_000
/** Key of the thread that is not there yet. */
export const NEW = 'new'

/** A ticket's detail as far as it is known. */
export interface Detail {
  ticket: Ticket | undefined
  failure: Failure | undefined
}

export function createApp(api: Api, session: Session) {
  const home = signal<Home>()
  const homeFailure = signal<Failure>()
  const where = signal(route.start)
  const tickets = signal(list.empty<TicketRow>())
  const conversations = signal(list.empty<Conversation>())
  const details = signal<Record<string, Detail>>({})
  const threads = signal<Record<string, thread.Thread>>({})
  const drafts = signal<Record<string, string>>({})
  const connection = signal(strip.calm)
  /** The panel is open and the page visible. */
  const looking = signal(false)
  /** The panel takes the whole screen, as on a phone. */
  const full = signal(false)
  /** The customer wants the panel wide, where it is not the whole screen. */
  const wide = signal(false)
  /** Read out by screen readers. */
  const spoken = signal('')
  const tabs = computed<Tab[]>(() => home.value?.tabs ?? ['home', 'messages'])

  const tell = (event: route.RouteEvent) => {
    where.value = route.reduce(where.value, event)
  }
  const say = (text: string) => {
    // the same words again are said again
    spoken.value = spoken.value === text ? `${text}\u00a0` : text
  }

  /** Takes a Home unless what is shown is newer. */
  function accept(next: Home) {
    connection.value = strip.reduce(connection.value, { type: 'frame', at: Date.now() })
    homeFailure.value = undefined
    const held = home.value
    if (held && held.contactId === next.contactId && !follows(next.token, held.token)) return
    const moved = !held || held.token.contact !== next.token.contact || held.token.epoch !== next.token.epoch
    home.value = next
    // without an inbox it is unknown whether the space shows: nobody is thrown out of it
    if (!next.degraded) {
      const before = where.value.stack
      tell({ type: 'spaces', tabs: next.tabs })
      if (before[0].name === 'tickets' && where.value.stack[0].name === 'home' && before.length === 1)
        say(t('tickets.gone'))
    }
    if (moved && held) refreshShown()
  }

  /** Fetches again what is on the screen: something of this contact's has changed. */
  function refreshShown() {
    const shown = route.top(where.value)
    if (shown.name === 'tickets') loadTickets()
    else if (shown.name === 'messages') loadConversations()
    else if (shown.name === 'ticket') loadTicket(shown.id)
    else if (shown.name === 'conversation') loadThread(shown.id)
  }

  async function loadHome() {
    try {
      accept(await api.home())
    } catch (thrown) {
      if (asRpcError(thrown).code !== 'canceled') homeFailure.value = failure(thrown)
    }
  }

  /** Newest first and as many as were shown; an answer that another call has overtaken is dropped. */
  function pages<T extends { id: string }>(
    of: { value: list.List<T> },
    fetch: (size: number, token: string) => Promise<{ rows: T[]; next: string }>
  ) {
    let turn = 0
    return async (more = false) => {
      const { rows, next } = of.value
      if (more && (!next || of.value.busy !== 'no')) return
      const mine = ++turn
      of.value = list.reduce(of.value, { type: more ? 'more' : 'refresh' })
      try {
        const size = more ? PAGE : Math.min(PAGE_MOST, Math.max(PAGE, rows.length))
        const page = await fetch(size, more ? next : '')
        if (mine === turn) of.value = list.reduce(of.value, { type: 'page', page })
      } catch (thrown) {
        if (mine === turn) of.value = list.reduce(of.value, { type: 'failed', failure: failure(thrown) })
      }
    }
  }
  const loadTickets = pages(tickets, api.tickets)
  const loadConversations = pages(conversations, api.conversations)

  const ticketTurns: Record<string, number> = {}
  async function loadTicket(id: string) {
    ticketTurns[id] = (ticketTurns[id] ?? 0) + 1
    const mine = ticketTurns[id]
    const put = (detail: Detail) => {
      if (mine === ticketTurns[id]) details.value = { ...details.value, [id]: detail }
    }
    try {
      put({ ticket: await api.ticket(id), failure: undefined })
    } catch (thrown) {
      const why = lookUpFailure(thrown)
      // what is gone must not stay on the screen; what cannot be fetched may
      put({ ticket: why.kind === 'missing' ? undefined : details.value[id]?.ticket, failure: why })
    }
  }

  function change(id: string, event: thread.ThreadEvent) {
    threads.value = { ...threads.value, [id]: thread.reduce(threads.value[id] ?? thread.blank, event) }
  }

  const again = new Set<string>()
  async function loadThread(id: string) {
    if (id === NEW) return
    if ((threads.value[id]?.busy ?? 'no') !== 'no') {
      // what is being fetched may be older than the change that asks now
      again.add(id)
      return
    }
    change(id, { type: 'refresh' })
    try {
      change(id, { type: 'page', page: await api.thread(id) })
    } catch (thrown) {
      const why = lookUpFailure(thrown)
      if (why.kind === 'missing') threads.value = { ...threads.value, [id]: { ...thread.blank, failure: why } }
      else change(id, { type: 'failed', failure: why })
    }
    if (again.delete(id)) await loadThread(id)
  }

  async function loadOlder(id: string) {
    const held = threads.value[id]
    if (!held?.older || held.busy !== 'no') return
    change(id, { type: 'older' })
    try {
      change(id, { type: 'page', page: await api.thread(id, held.older) })
    } catch (thrown) {
      change(id, { type: 'failed', failure: failure(thrown) })
    }
    if (again.delete(id)) await loadThread(id)
  }

  /** Puts a message into the outbox and sends what can be sent. */
  function write(id: string, body: string) {
    change(id, { type: 'write', requestId: crypto.randomUUID(), body })
    drafts.value = { ...drafts.value, [id]: '' }
    const outbox = threads.value[id]?.outbox ?? []
    // what was written before goes first
    if (outbox.length === 1 || outbox.slice(0, -1).every((message) => message.state === 'failed'))
      deliver(id, outbox[outbox.length - 1] as thread.Outgoing)
    else
      change(id, {
        type: 'unsent',
        requestId: (outbox[outbox.length - 1] as thread.Outgoing).requestId,
        state: 'waiting'
      })
  }

  async function deliver(id: string, { requestId, body }: thread.Outgoing): Promise<void> {
    change(id, { type: 'sending', requestId })
    try {
      if (id === NEW) {
        const conversation = await api.start(requestId, body)
        session.wrote()
        return started(conversation)
      }
      const part = await api.send(requestId, id, body, 0)
      session.wrote()
      change(id, { type: 'sent', requestId, part })
      loadThread(id)
      flush(id)
    } catch (thrown) {
      const error = asRpcError(thrown)
      const passing = error.passing || error.code === 'canceled'
      change(id, { type: 'unsent', requestId, state: passing ? 'waiting' : 'failed' })
      if (!passing) {
        say(t('send.failed'))
        return
      }
      setTimeout(() => flush(id), Math.max(error.retryAfter, RESEND))
    }
  }

  /** The first message has made its conversation: what was written goes on there. */
  function started(conversation: Conversation) {
    const { [NEW]: opened, ...others } = threads.value
    const outbox = (opened?.outbox ?? []).slice(1)
    threads.value = { ...others, [conversation.id]: { ...thread.blank, conversation, outbox } }
    const draft = drafts.value[NEW] ?? ''
    drafts.value = { ...drafts.value, [NEW]: '', [conversation.id]: draft }
    if (route.top(where.value).name === 'new')
      tell({ type: 'replace', screen: { name: 'conversation', id: conversation.id } })
    loadThread(conversation.id)
    flush(conversation.id)
  }

  function flush(id: string) {
    const held = threads.value[id]
    const message = held && thread.nextToSend(held)
    if (message) deliver(id, message)
  }

  /** Follows a ticket's call to action: into its conversation, made when there is none. */
  async function openConversationOf(ticket: Ticket, from: string): Promise<Failure | undefined> {
    let id = ticket.conversationId
    try {
      if (!id) id = (await api.openTicketConversation(ticket.id)).id
    } catch (thrown) {
      return failure(thrown)
    }
    tell({ type: 'push', screen: { name: 'conversation', id }, from })
    return undefined
  }

  async function submit(form: { requestId: string; typeId: string; title: string; description: string }) {
    const made = await api.submit(form)
    session.wrote()
    details.value = { ...details.value, [made.id]: { ticket: made, failure: undefined } }
    tell({ type: 'replace', screen: { name: 'ticket', id: made.id } })
    say(t('submit.done'))
  }

  /** Receipts: each place once, and again only when it failed. */
  const receipts = new Map<string, number>()
  function receipt(key: string, upTo: number, send: () => Promise<unknown>) {
    const before = receipts.get(key) ?? 0
    if (upTo <= before) return
    receipts.set(key, upTo)
    send().catch(() => {
      if (receipts.get(key) === upTo) receipts.set(key, before)
    })
  }
  const readConversation = (id: string, seq: number) => receipt(id, seq, () => api.markConversationRead(id, seq))
  const readTicket = (id: string, revision: number) => receipt(id, revision, () => api.markTicketRead(id, revision))

  /** Takes what a stream or a poll tells; says how long to stay away if it is to end. */
  function take(got: Frame): number | undefined {
    if (got.kind === 'home') accept(got.home)
    else if (got.kind === 'bookmark')
      connection.value = strip.reduce(connection.value, { type: 'frame', at: Date.now() })
    else {
      if (got.merged) session.leave()
      else if (got.session) session.drop()
      return got.wait
    }
    return undefined
  }

  const phased = (phase: Phase) => {
    connection.value = strip.reduce(connection.value, { type: 'phase', phase, at: Date.now() })
  }

  let lost = false
  const watcher = new Watcher({
    async open(signal, frame) {
      try {
        await session.ensure()
        for await (const got of api.watch(home.value?.wire, signal)) {
          frame()
          if (got.kind === 'away' && got.crowded) return 'crowded'
          const wait = take(got)
          if (wait !== undefined) return wait
        }
      } catch (thrown) {
        const error = asRpcError(thrown)
        if (error.code === 'unauthenticated') session.drop()
        else if (!home.value && !signal.aborted) homeFailure.value = failure(thrown)
        throw thrown
      }
      return undefined
    },
    async poll(signal) {
      try {
        const { got, wait } = await api.poll(home.value?.wire, signal)
        phased('polling')
        return take(got) ?? wait
      } catch (thrown) {
        if (signal.aborted) return 0
        phased('waiting')
        if (!home.value) homeFailure.value = failure(thrown)
        return Math.max(asRpcError(thrown).retryAfter, RESEND * (0.5 + Math.random() / 2))
      }
    },
    read: loadHome,
    changed(phase) {
      phased(phase)
      if (phase !== 'live') return
      for (const id of Object.keys(threads.value)) flush(id)
      // what could not be fetched meanwhile is, without anybody asking for it
      if (lost) refreshShown()
      lost = true
    }
  })

  return {
    session,
    home,
    homeFailure,
    where,
    tickets,
    conversations,
    details,
    threads,
    drafts,
    connection,
    looking,
    full,
    wide,
    spoken,
    tabs,
    watcher,
    tell,
    say,
    api,
    loadHome,
    loadTickets,
    loadConversations,
    loadTicket,
    loadThread,
    loadOlder,
    change,
    write,
    deliver,
    openConversationOf,
    submit,
    told: () => {
      connection.value = strip.reduce(connection.value, { type: 'told' })
    },
    readConversation,
    readTicket
  }
}

export type App = ReturnType<typeof createApp>
