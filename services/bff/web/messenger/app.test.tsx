import { signal } from '@preact/signals'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/preact'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RpcError } from '../rpc/errors'
import type { Api } from './api'
import { createApp } from './app'
import { Provide } from './context'
import { go, named } from './go'
import * as model from './model'
import type { Session } from './session'
import { Shell } from './shell'
import { top } from './state/route'
import * as strip from './state/strip'

const wire = (contact: number, more: object = {}) =>
  model.home({
    identity: { contactId: 'con_1', name: 'Ada Lovelace' },
    spaces: [
      { space: 'SPACE_HOME', visible: true },
      { space: 'SPACE_MESSAGES', visible: true },
      { space: 'SPACE_TICKETS', visible: true }
    ],
    badges: { tickets: 2, messages: 0 },
    recentTickets: {
      tickets: [
        {
          ticketId: 'tkt_1',
          number: '1',
          title: 'Refund',
          state: { category: 'STATE_CATEGORY_IN_PROGRESS', label: 'In progress' },
          unread: true,
          updateTime: new Date().toISOString()
        }
      ]
    },
    token: { epoch: '1', contactVersion: String(contact) },
    ...more
  })

const detail = model.ticket({
  summary: {
    ticketId: 'tkt_1',
    number: '1',
    title: 'Refund',
    state: { category: 'STATE_CATEGORY_IN_PROGRESS', label: 'In progress' },
    revision: '3'
  },
  callToAction: { kind: 'CALL_TO_ACTION_KIND_CONTINUE_CONVERSATION', conversationId: 'cnv_1' }
})
const talk = model.conversation({ conversationId: 'cnv_1' })
const part = (seq: number, more: object = {}) =>
  model.part({
    kind: 'PART_KIND_MESSAGE',
    seq: String(seq),
    partId: `p${seq}`,
    body: `text ${seq}`,
    ...more
  }) as model.Part

function world() {
  const api = {
    home: vi.fn(async () => wire(1)),
    tickets: vi.fn(async () => ({ rows: [model.ticketRow({ ticketId: 'tkt_1', title: 'Refund' })], next: '' })),
    conversations: vi.fn(async () => ({ rows: [], next: '' })),
    ticket: vi.fn(async () => detail),
    thread: vi.fn(async () => ({ conversation: talk, parts: [part(1)], older: '' })),
    send: vi.fn(async () => part(2, { author: { me: true } })),
    start: vi.fn(async () => talk),
    forms: vi.fn(async () => [{ id: 'tty_1', name: 'Support request' }]),
    markConversationRead: vi.fn(async () => ({})),
    markTicketRead: vi.fn(async () => ({}))
  }
  const session = {
    status: signal('ready'),
    ensure: async () => {},
    drop: () => {},
    leave: vi.fn(),
    wrote: vi.fn()
  }
  const app = createApp(api as unknown as Api, session as unknown as Session)
  const shown = () =>
    render(
      <Provide value={app}>
        <Shell />
      </Provide>
    )
  return { app, api, session, shown }
}

beforeEach(() => {
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe() {}
      disconnect() {}
    }
  )
})
afterEach(() => {
  cleanup()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('Home', () => {
  it('keeps what is newer when an older answer comes late', async () => {
    const { app, api } = world()
    api.home.mockResolvedValueOnce(wire(5))
    await app.loadHome()
    api.home.mockResolvedValueOnce(wire(4, { badges: { tickets: 9 } }))
    await app.loadHome()
    expect(app.home.value?.badges.tickets).toBe(2)
  })

  it('greets, names each row in full, and counts in words', async () => {
    const { app, shown } = world()
    shown()
    await app.loadHome()
    await screen.findByText('Hi Ada 👋')
    screen.getByRole('button', { name: /Refund.*In progress.*Just now.*unread update/ })
    screen.getByRole('button', { name: 'Tickets, 2 unread updates' })
  })

  it('has no card without an active ticket (R1)', async () => {
    const { app, api, shown } = world()
    api.home.mockResolvedValueOnce(wire(1, { recentTickets: undefined }))
    shown()
    await app.loadHome()
    await screen.findByText('Hi Ada 👋')
    expect(screen.queryByText('Recent tickets')).toBeNull()
  })

  it('without its badges says so at the card, and the rest works (D4)', async () => {
    const { app, api, shown } = world()
    api.home.mockResolvedValueOnce(wire(1, { inboxUnavailable: true, recentTickets: undefined }))
    shown()
    await app.loadHome()
    await screen.findByText(/Couldn't load your tickets/)
    screen.getByText('Send us a message')
  })

  it('leaves the Tickets space when it is turned off, and says so (S1, S3)', async () => {
    const { app, api, shown } = world()
    shown()
    await app.loadHome()
    app.tell({ type: 'tab', tab: 'tickets' })
    api.home.mockResolvedValueOnce(wire(2, { spaces: [{ space: 'SPACE_HOME', visible: true }] }))
    await app.loadHome()
    expect(top(app.where.value)).toEqual({ name: 'home' })
    await screen.findByText('Tickets are no longer available here.')
  })

  it('throws nobody out of the space while it is not known whether it shows (D4)', async () => {
    const { app, api } = world()
    await app.loadHome()
    app.tell({ type: 'tab', tab: 'tickets' })
    api.home.mockResolvedValueOnce(
      wire(2, { inboxUnavailable: true, spaces: [{ space: 'SPACE_HOME', visible: true }] })
    )
    await app.loadHome()
    expect(top(app.where.value)).toEqual({ name: 'tickets' })
  })
})

describe('a ticket', () => {
  it('is read once it was shown for a second to somebody who looks (B3)', async () => {
    vi.useFakeTimers()
    const { app, api, shown } = world()
    shown()
    app.tell({ type: 'deep', tab: 'tickets', screen: { name: 'ticket', id: 'tkt_1' } })
    await vi.advanceTimersByTimeAsync(5_000)
    expect(api.markTicketRead).not.toHaveBeenCalled()
    app.looking.value = true
    await vi.advanceTimersByTimeAsync(900)
    expect(api.markTicketRead).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(200)
    expect(api.markTicketRead).toHaveBeenCalledWith('tkt_1', 3)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(api.markTicketRead).toHaveBeenCalledTimes(1)
  })

  it('that comes late is where somebody is who opened it by keyboard', async () => {
    const { app, api, shown } = world()
    let arrive = () => {}
    api.ticket.mockReturnValueOnce(
      new Promise((resolve) => {
        arrive = () => resolve(detail)
      })
    )
    shown()
    await app.loadHome()
    const row = await screen.findByRole('button', { name: /Refund/ })
    row.focus()
    fireEvent.click(row)
    await screen.findByRole('button', { name: 'Back to home' })
    arrive()
    const title = await screen.findByRole('heading', { name: 'Refund' })
    expect(document.activeElement).toBe(title)
  })

  it('that is gone does not stay on the screen (V3)', async () => {
    const { app, api, shown } = world()
    shown()
    app.tell({ type: 'deep', tab: 'tickets', screen: { name: 'ticket', id: 'tkt_1' } })
    await screen.findByText('Our team is working on it.')
    api.ticket.mockRejectedValueOnce(new RpcError('not_found'))
    await app.loadTicket('tkt_1')
    await screen.findByText("This ticket isn't available.")
  })

  it('stays on the screen when it cannot be fetched again', async () => {
    const { app, api, shown } = world()
    shown()
    app.tell({ type: 'deep', tab: 'tickets', screen: { name: 'ticket', id: 'tkt_1' } })
    await screen.findByText('Our team is working on it.')
    api.ticket.mockRejectedValueOnce(new RpcError('unavailable'))
    await app.loadTicket('tkt_1')
    screen.getByText('Our team is working on it.')
  })

  it('says so when it cannot be fetched again for another reason than the network', async () => {
    const { app, api, shown } = world()
    shown()
    app.tell({ type: 'deep', tab: 'tickets', screen: { name: 'ticket', id: 'tkt_1' } })
    await screen.findByText('Our team is working on it.')
    api.ticket.mockRejectedValueOnce(new RpcError('internal', '', 'req_3'))
    await app.loadTicket('tkt_1')
    await screen.findByText('Ref: req_3')
    screen.getByText('Our team is working on it.')
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
    await waitFor(() => expect(screen.queryByText('Ref: req_3')).toBeNull())
  })

  it.each(['not_found', 'invalid_argument'] as const)('that is %s leads back to where one came from', async (code) => {
    const { app, api, shown } = world()
    api.ticket.mockRejectedValue(new RpcError(code))
    shown()
    app.tell({ type: 'push', screen: { name: 'ticket', id: 'tkt_9' }, from: '' })
    await screen.findByText("This ticket isn't available.")
    const [corner, inPlace] = screen.getAllByRole('button', { name: 'Back to home' })
    expect(corner).toBeTruthy()
    fireEvent.click(inPlace as HTMLElement)
    expect(top(app.where.value)).toEqual({ name: 'home' })
  })

  it('shows its earlier updates to who asks for them, and goes on from there', async () => {
    const { app, api, shown } = world()
    const history = Array.from({ length: 8 }, (_, at) => ({
      state: detail.state,
      time: new Date(8 - at).toISOString(),
      revision: 8 - at
    }))
    api.ticket.mockResolvedValue({ ...detail, history })
    shown()
    app.tell({ type: 'deep', tab: 'tickets', screen: { name: 'ticket', id: 'tkt_1' } })
    const more = await screen.findByRole('button', { name: 'Show earlier updates' })
    const list = () => [...document.querySelectorAll('.history li')]
    expect(list()).toHaveLength(5)
    more.focus()
    fireEvent.click(more)
    await waitFor(() => expect(list()).toHaveLength(8))
    expect(document.activeElement === list()[5]).toBe(true)
  })

  it('that was shared later was created when it was', async () => {
    const { app, api, shown } = world()
    const history = [{ state: detail.state, time: new Date().toISOString(), revision: 2 }]
    api.ticket.mockResolvedValue({ ...detail, createTime: '2020-03-04T10:00:00Z', history })
    shown()
    app.tell({ type: 'deep', tab: 'tickets', screen: { name: 'ticket', id: 'tkt_1' } })
    const created = await screen.findByText('Ticket created')
    expect(created.closest('li')?.querySelector('time')?.dateTime).toBe('2020-03-04T10:00:00Z')
  })

  it('leads into its conversation in the words that were agreed, and back', async () => {
    const { app, shown } = world()
    shown()
    app.tell({ type: 'deep', tab: 'tickets', screen: { name: 'ticket', id: 'tkt_1' } })
    fireEvent.click(await screen.findByRole('button', { name: 'Continue the Conversation' }))
    await screen.findByText('text 1')
    fireEvent.click(screen.getByRole('button', { name: 'Back to the ticket' }))
    const cta = await screen.findByRole('button', { name: 'Continue the Conversation' })
    expect(document.activeElement === cta).toBe(true)
  })
})

describe('a conversation', () => {
  const open = (app: ReturnType<typeof createApp>) =>
    app.tell({ type: 'deep', tab: 'messages', screen: { name: 'conversation', id: 'cnv_1' } })

  it('is read up to what was shown, and only while somebody looks (A2)', async () => {
    const { app, api, shown } = world()
    shown()
    open(app)
    await screen.findByText('text 1')
    expect(api.markConversationRead).not.toHaveBeenCalled()
    app.looking.value = true
    await waitFor(() => expect(api.markConversationRead).toHaveBeenCalledWith('cnv_1', 1))
  })

  it('sends a message once, with one request id however often it is tried', async () => {
    const { app, api, shown } = world()
    shown()
    open(app)
    await screen.findByText('text 1')
    api.send.mockRejectedValueOnce(new RpcError('unavailable'))
    app.write('cnv_1', 'hello')
    await screen.findByText('Waiting to send')
    const message = app.threads.value.cnv_1?.outbox[0]
    expect(message?.state).toBe('waiting')
    if (message) await app.deliver('cnv_1', message)
    expect(api.send.mock.calls).toHaveLength(2)
    const ids = (api.send.mock.calls as unknown as string[][]).map(([id]) => id)
    expect(ids[0]).toBe(ids[1])
    expect(app.threads.value.cnv_1?.outbox).toEqual([])
  })

  it('says that a message was refused, with a way to try again', async () => {
    const { app, api, shown } = world()
    shown()
    open(app)
    await screen.findByText('text 1')
    api.send.mockRejectedValueOnce(new RpcError('invalid_argument'))
    app.write('cnv_1', 'hello')
    expect((await screen.findByRole('alert')).textContent).toContain('Not sent.')
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
    await waitFor(() => expect(app.threads.value.cnv_1?.outbox).toEqual([]))
  })

  it('that cannot be fetched again says so above what is there', async () => {
    const { app, api, shown } = world()
    shown()
    open(app)
    await screen.findByText('text 1')
    api.thread.mockRejectedValueOnce(new RpcError('internal', '', 'req_4'))
    await app.loadThread('cnv_1')
    await screen.findByText('Ref: req_4')
    screen.getByText('text 1')
  })

  it('has no news in what one has just set off oneself', async () => {
    const { app, api, shown } = world()
    const parts = [
      part(1),
      part(2, { author: { me: true } }),
      part(3, { kind: 'PART_KIND_STATE_EVENT', state: 'CONVERSATION_STATE_OPEN' })
    ]
    const read = { ...talk, readSeq: 1 }
    api.thread.mockResolvedValueOnce({ conversation: read, parts, older: '' })
    shown()
    open(app)
    await screen.findByText(/Conversation reopened/)
    expect(screen.queryByText('New')).toBeNull()
    api.thread.mockResolvedValueOnce({ conversation: read, parts: [...parts, part(4)], older: '' })
    await app.loadThread('cnv_1')
    await screen.findByText('New')
  })

  it('that is new becomes the one that the server made', async () => {
    const { app, api, shown } = world()
    shown()
    app.tell({ type: 'push', screen: { name: 'new' }, from: '' })
    app.write('new', 'first')
    await waitFor(() => expect(top(app.where.value)).toEqual({ name: 'conversation', id: 'cnv_1' }))
    expect(api.start).toHaveBeenCalledTimes(1)
    expect(app.threads.value.new).toBeUndefined()
  })
})

describe('what a customer writes', () => {
  it('is written once the server has it, and not before', async () => {
    const { app, api, session } = world()
    api.start.mockRejectedValueOnce(new RpcError('unavailable'))
    app.write('new', 'first')
    await waitFor(() => expect(app.threads.value.new?.outbox[0]?.state).toBe('waiting'))
    expect(session.wrote).not.toHaveBeenCalled()
    await app.deliver('new', { requestId: 'r', body: 'first', state: 'waiting' })
    expect(session.wrote).toHaveBeenCalledTimes(1)
  })
})

describe('the form for a new ticket', () => {
  it('that could not be fetched is there by itself once there is a connection again', async () => {
    const { app, api, shown } = world()
    const phase = (phase: 'offline' | 'live') => {
      app.connection.value = strip.reduce(app.connection.value, { type: 'phase', phase, at: Date.now() })
    }
    api.forms.mockRejectedValueOnce(new RpcError('unavailable'))
    phase('offline')
    shown()
    app.tell({ type: 'push', screen: { name: 'submit' }, from: '' })
    await screen.findByText("We couldn't load the form.")
    phase('live')
    await screen.findByRole('textbox', { name: 'Title' })
  })
})

describe('a list', () => {
  it('keeps the focus on its ticket when this one changes places, and shows it moving', async () => {
    const { app, api, shown } = world()
    const rows = (...ids: string[]) => ({
      rows: ids.map((id) => model.ticketRow({ ticketId: id, title: `Ticket ${id}` })),
      next: ''
    })
    const moved = vi.fn()
    Object.assign(HTMLElement.prototype, { animate: moved })
    const top = (of: Element): number =>
      of.parentElement ? [...of.parentElement.children].indexOf(of) * 70 + top(of.parentElement) : 0
    vi.spyOn(HTMLElement.prototype, 'getBoundingClientRect').mockImplementation(function (this: HTMLElement) {
      return { top: top(this) } as DOMRect
    })
    api.tickets.mockResolvedValueOnce(rows('a', 'b', 'c'))
    app.tell({ type: 'tab', tab: 'tickets' })
    shown()
    const third = await screen.findByRole('button', { name: /Ticket c/ })
    third.focus()
    // as browsers do, which happy-dom does not
    const { insertBefore } = Node.prototype
    vi.spyOn(Node.prototype, 'insertBefore').mockImplementation(function (this: Node, node, before) {
      if (node.contains(document.activeElement)) (document.activeElement as HTMLElement).blur()
      return insertBefore.call(this, node, before) as never
    })
    expect(moved).not.toHaveBeenCalled()
    api.tickets.mockResolvedValueOnce(rows('c', 'a', 'b'))
    await app.loadTickets()
    await waitFor(() => expect(moved).toHaveBeenCalledTimes(3))
    expect(moved.mock.calls[0]?.[0][0]).toEqual({ transform: 'translateY(140px)' })
    expect(document.activeElement === third).toBe(true)
    // what comes above a list moves none of its rows
    moved.mockClear()
    api.tickets.mockRejectedValueOnce(new RpcError('internal', '', 'req_2'))
    await app.loadTickets()
    await screen.findByText('Ref: req_2')
    expect(moved).not.toHaveBeenCalled()
    vi.restoreAllMocks()
    Reflect.deleteProperty(HTMLElement.prototype, 'animate')
  })

  it('that could not be fetched is tried again by a button that keeps the focus until there is a list', async () => {
    const { app, api, shown } = world()
    api.tickets.mockRejectedValueOnce(new RpcError('internal', '', 'req_1'))
    app.tell({ type: 'tab', tab: 'tickets' })
    shown()
    const button = await screen.findByRole('button', { name: 'Try again' })
    button.focus()
    api.tickets.mockRejectedValueOnce(new RpcError('internal', '', 'req_2'))
    fireEvent.click(button)
    await screen.findByRole('button', { name: 'Loading…' })
    await screen.findByText('Ref: req_2')
    expect(document.activeElement === screen.getByRole('button', { name: 'Try again' })).toBe(true)
    fireEvent.click(button)
    await screen.findByRole('button', { name: /Refund/ })
    expect(document.activeElement === screen.getByRole('heading', { name: 'Tickets' })).toBe(true)
  })

  it('has an empty state in words, and an error that keeps what is there', async () => {
    const { app, api, shown } = world()
    shown()
    app.tell({ type: 'tab', tab: 'messages' })
    await screen.findByText('No messages yet')
    api.conversations.mockRejectedValueOnce(new RpcError('internal', '', 'req_1'))
    await app.loadConversations()
    await screen.findByText('Ref: req_1')
    screen.getByText('No messages yet')
  })
})

describe('the keyboard', () => {
  it('closes the panel and goes back from wherever the focus is, the document itself too', async () => {
    const { app, shown } = world()
    const closed = vi.fn()
    addEventListener('msgr-close', closed)
    shown()
    app.tell({ type: 'push', screen: { name: 'new' }, from: '' })
    fireEvent.keyDown(document.body, { key: 'ArrowLeft', altKey: true })
    expect(top(app.where.value)).toEqual({ name: 'home' })
    fireEvent.keyDown(document.body, { key: 'Escape' })
    expect(closed).toHaveBeenCalledTimes(1)
    removeEventListener('msgr-close', closed)
  })
})

describe('where the page wants its customer to be', () => {
  it('is a place that a link names, in either way of writing it', () => {
    for (const link of ['ticket:TCK-12', 'tickets/TCK-12', 'tickets/TCK%2D12'])
      expect(named(link)).toEqual({ ticket: 'TCK-12' })
    expect(named('conversation:cnv_1')).toEqual({ conversation: 'cnv_1' })
    expect(named('tickets/')).toEqual({ space: 'tickets' })
    // what nobody can read leads Home
    for (const odd of ['', '%', 'ticket', '<script>', 'tasks:1']) expect(named(odd)).toHaveProperty('space')
    expect(named('ticket:%')).toEqual({ ticket: '%' })
  })

  it('is Messages if something is unread there, once that is known, and wherever else they have gone', async () => {
    for (const [messages, gone, space] of [
      [1, false, 'messages'],
      [0, false, 'home'],
      [1, true, 'tickets']
    ] as const) {
      const { app, api } = world()
      go(app, { unread: true })
      if (gone) app.tell({ type: 'tab', tab: 'tickets' })
      api.home.mockResolvedValueOnce(wire(1, { badges: { messages } }))
      await app.loadHome()
      expect(top(app.where.value)).toEqual({ name: space })
      // later news takes nobody away
      await app.loadHome()
      api.home.mockResolvedValueOnce(wire(2, { badges: { messages: 3 } }))
      await app.loadHome()
      expect(top(app.where.value)).toEqual({ name: space })
    }
  })

  it('is Home for a space that there is not, or not for this customer', async () => {
    const info = vi.spyOn(console, 'info').mockImplementation(() => {})
    const { app, api } = world()
    go(app, { space: 'news' })
    expect(top(app.where.value)).toEqual({ name: 'home' })
    go(app, { space: 'Tickets' })
    expect(top(app.where.value)).toEqual({ name: 'tickets' })
    api.home.mockResolvedValueOnce(wire(2, { spaces: [{ space: 'SPACE_HOME', visible: true }] }))
    await app.loadHome()
    go(app, { link: 'tickets' })
    expect(top(app.where.value)).toEqual({ name: 'home' })
    expect(info).toHaveBeenCalledTimes(2)
    // a ticket is reachable all the same (S4)
    go(app, { link: 'ticket:7' })
    expect(app.where.value.stack).toEqual([{ name: 'messages' }, { name: 'ticket', id: '7' }])
    info.mockRestore()
  })
})

describe('signed out', () => {
  it('asks to sign in again and shows nothing else', async () => {
    const { session, shown } = world()
    shown()
    session.status.value = 'signed_out'
    await screen.findByText('Please sign in again to see your messages and tickets.')
    expect(screen.queryByRole('navigation')).toBeNull()
  })
})

describe('one of many pages of a customer', () => {
  it('whose stream made room for another lives by polls, without a word', async () => {
    const { app, api } = world()
    async function* watch() {
      yield { kind: 'home', home: wire(1) }
      yield { kind: 'away', wait: 0, session: false, merged: false, crowded: true }
    }
    const opened = vi.fn(watch)
    const poll = vi.fn(() => new Promise(() => {}))
    Object.assign(api, { watch: opened, poll })
    app.watcher.tell({ type: 'start' })
    await waitFor(() => expect(poll).toHaveBeenCalled())
    expect(app.watcher.phase).toBe('polling')
    expect([opened.mock.calls.length, app.connection.value.lostAt]).toEqual([1, undefined])
    app.watcher.tell({ type: 'stop' })
  })
})

describe('behind a proxy that holds streams back', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('the Messenger lives by polls, and says so only when these fail too', async () => {
    const { app, api } = world()
    const silent = (_: unknown, signal: AbortSignal) => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new RpcError('canceled'))))
      })
    })
    const answers = [
      { got: { kind: 'home', home: wire(2, { badges: { tickets: 3 } }) }, wait: 0 },
      { got: { kind: 'bookmark' }, wait: 0 }
    ]
    const poll = vi.fn(async () => {
      const answer = answers.shift()
      if (!answer) throw new RpcError('unavailable')
      return answer
    })
    Object.assign(api, { watch: silent, poll })
    app.watcher.tell({ type: 'start' })
    await vi.advanceTimersByTimeAsync(5_000)
    // what the first silent stream would have told is there already
    expect(app.home.value?.badges.tickets).toBe(2)
    while (!poll.mock.calls.length) await vi.advanceTimersByTimeAsync(100)
    expect(app.home.value?.badges.tickets).toBe(3)
    expect(poll.mock.calls[0]).toEqual([wire(1).wire, expect.anything()])
    expect(app.connection.value.lostAt).toBe(undefined)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(poll).toHaveBeenCalledTimes(3)
    expect(app.connection.value.lostAt).not.toBe(undefined)
    app.watcher.tell({ type: 'stop' })
  })
})
