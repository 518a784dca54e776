import { describe, expect, it } from 'vitest'
import type { ThreadPage } from '../api'
import type { Category, Conversation, Part, TicketRow, Update } from '../model'
import * as list from './list'
import * as route from './route'
import { steps } from './steps'
import * as strip from './strip'
import { validate } from './submission'
import * as thread from './thread'

const row = (id: string, title = id): TicketRow => ({
  id,
  number: 1,
  title,
  type: '',
  state: { category: 'submitted', label: '' },
  time: '',
  createTime: '',
  unread: false,
  revision: 1
})
const go = (...events: route.RouteEvent[]) => events.reduce(route.reduce, route.start)

describe('the list', () => {
  it('shows a ticket that moved while paging once, where it came last', () => {
    let state = list.reduce(list.empty<TicketRow>(), { type: 'refresh' })
    state = list.reduce(state, { type: 'page', page: { rows: [row('a'), row('b')], next: 'n' } })
    state = list.reduce(state, { type: 'more' })
    state = list.reduce(state, { type: 'page', page: { rows: [row('b', 'moved'), row('c')], next: '' } })
    expect(state.rows.map((ticket) => ticket.title)).toEqual(['a', 'moved', 'c'])
  })

  it('lets go of a ticket that is not shared any more (V3)', () => {
    let state = list.reduce(list.empty<TicketRow>(), { type: 'page', page: { rows: [row('a'), row('b')], next: '' } })
    state = list.reduce(state, { type: 'refresh' })
    state = list.reduce(state, { type: 'page', page: { rows: [row('b')], next: '' } })
    expect(state.rows.map((ticket) => ticket.id)).toEqual(['b'])
  })

  it('keeps what it shows when a fetch fails', () => {
    let state = list.reduce(list.empty<TicketRow>(), { type: 'page', page: { rows: [row('a')], next: '' } })
    state = list.reduce(state, { type: 'refresh' })
    state = list.reduce(state, { type: 'failed', failure: { kind: 'network', ref: '' } })
    expect(state.rows).toHaveLength(1)
    expect(state.failure?.kind).toBe('network')
  })
})

describe('the way through the screens', () => {
  const ticket = { name: 'ticket', id: 't' } as const
  const conversation = { name: 'conversation', id: 'c' } as const

  it('goes back to the row that was opened', () => {
    const there = go({ type: 'tab', tab: 'tickets' }, { type: 'push', screen: ticket, from: 'row-t' })
    const back = route.reduce(there, { type: 'back' })
    expect(route.top(back)).toEqual({ name: 'tickets' })
    expect(route.returnsTo(back)).toBe('row-t')
  })

  it('from a conversation returns to the ticket that led there', () => {
    const there = go(
      { type: 'tab', tab: 'tickets' },
      { type: 'push', screen: ticket, from: '' },
      { type: 'push', screen: conversation, from: 'cta' }
    )
    expect(route.below(there)).toEqual(ticket)
    const viewed = route.reduce(there, { type: 'push', screen: ticket, from: 'bar' })
    expect(viewed.stack).toHaveLength(2)
  })

  it('leaves the Tickets space when it disappears (S1)', () => {
    const gone = route.reduce(go({ type: 'tab', tab: 'tickets' }), { type: 'spaces', tabs: ['home', 'messages'] })
    expect(route.top(gone)).toEqual({ name: 'home' })
  })

  it('keeps an open ticket when the space disappears (S4)', () => {
    const there = go({ type: 'tab', tab: 'tickets' }, { type: 'push', screen: ticket, from: '' })
    const off = route.reduce(there, { type: 'spaces', tabs: ['home', 'messages'] })
    expect(route.top(off)).toEqual(ticket)
    expect(route.top(route.reduce(off, { type: 'back' }))).toEqual({ name: 'home' })
  })

  it('remembers a bounded number of screens', () => {
    const far = Array.from({ length: 50 }, (_, at) => at).reduce(
      (state, at) => route.reduce(state, { type: 'push', screen: { name: 'ticket', id: `${at}` }, from: '' }),
      route.start
    )
    expect(far.stack.length).toBeLessThanOrEqual(12)
    expect(far.stack[0]).toEqual({ name: 'home' })
  })
})

const talk: Conversation = {
  id: 'c',
  closed: false,
  preview: '',
  author: undefined,
  time: '',
  unread: false,
  ticket: undefined,
  headSeq: 0,
  readSeq: 2
}
const part = (seq: number): Part => ({
  id: `p${seq}`,
  seq,
  kind: 'message',
  author: { kind: 'team', name: 'Grace', me: false },
  body: `${seq}`,
  ticketId: '',
  ticketState: undefined,
  closed: false,
  time: ''
})
const page = (from: number, to: number, older = ''): thread.ThreadEvent => ({
  type: 'page',
  page: {
    conversation: talk,
    parts: Array.from({ length: to - from + 1 }, (_, at) => part(from + at)),
    older
  } satisfies ThreadPage
})
const read = (...events: thread.ThreadEvent[]) => events.reduce(thread.reduce, thread.blank)
const seqs = (state: thread.Thread) => state.parts.map((one) => one.seq)

describe('a thread', () => {
  it('adds what is new and what is earlier, each once and in order', () => {
    const state = read(page(4, 6, 'older'), { type: 'older' }, page(1, 3), { type: 'refresh' }, page(5, 8))
    expect(seqs(state)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(state.older).toBe('')
  })

  it('shows no hole when more came than one page holds', () => {
    const state = read(page(1, 3), { type: 'refresh' }, page(60, 70, 'older'))
    expect(seqs(state)[0]).toBe(60)
    expect(state.older).toBe('older')
  })

  it('puts the "New" line where reading had ended, and leaves it there', () => {
    const opened = read({ type: 'opened' }, page(1, 4))
    expect(opened.newAfter).toBe(2)
    const later = thread.reduce(opened, {
      type: 'page',
      page: { conversation: { ...talk, readSeq: 4 }, parts: [part(5)], older: '' }
    })
    expect(later.newAfter).toBe(2)
  })

  it('names the newest part that is shown for a receipt (A2)', () => {
    expect(thread.newest(read(page(1, 7)))).toBe(7)
    expect(thread.newest(thread.blank)).toBe(0)
  })

  it('sends what waits in order, and nothing past what is on its way', () => {
    const write = (requestId: string): thread.ThreadEvent => ({ type: 'write', requestId, body: requestId })
    let state = read(write('1'), write('2'), { type: 'unsent', requestId: '2', state: 'waiting' })
    expect(thread.nextToSend(state)).toBeUndefined()
    state = thread.reduce(state, { type: 'unsent', requestId: '1', state: 'waiting' })
    expect(thread.nextToSend(state)?.requestId).toBe('1')
    state = thread.reduce(state, { type: 'sent', requestId: '1', part: part(1) })
    expect(thread.nextToSend(state)?.requestId).toBe('2')
    expect(seqs(state)).toEqual([1])
  })

  it('lets a message that was refused not hold up the next', () => {
    const state = read(
      { type: 'write', requestId: '1', body: '' },
      { type: 'unsent', requestId: '1', state: 'failed' },
      { type: 'write', requestId: '2', body: '' },
      { type: 'unsent', requestId: '2', state: 'waiting' }
    )
    expect(thread.nextToSend(state)?.requestId).toBe('2')
  })
})

describe('the stepper', () => {
  const update = (category: Category, revision: number): Update => ({
    state: { category, label: '' },
    time: `t${revision}`,
    revision
  })
  const ticket = (...way: Category[]) => {
    const history = way.map((category, at) => update(category, at + 1)).reverse()
    return { history, createTime: 't1', state: { category: way[way.length - 1] as Category, label: '' } }
  }
  const seen = (...way: Category[]) =>
    steps(ticket(...way)).map((step) => `${step.state.category} ${step.at} ${step.time}`)

  it('shows waiting as the middle milestone, not as one more', () => {
    expect(seen('submitted', 'in_progress', 'waiting')).toEqual([
      'submitted done t1',
      'waiting current t3',
      'resolved future '
    ])
  })

  it('puts later milestones ahead again after a reopening', () => {
    expect(seen('submitted', 'resolved', 'submitted')).toEqual([
      'submitted current t3',
      'in_progress future ',
      'resolved future '
    ])
  })

  it('marks what was passed over as done without a time', () => {
    expect(seen('submitted', 'resolved')).toEqual(['submitted done t1', 'in_progress done ', 'resolved current t2'])
  })
})

describe('the line about the connection', () => {
  const lost = strip.reduce(strip.calm, { type: 'phase', phase: 'waiting', at: 1000 })

  it('says nothing for four seconds, then that it reconnects', () => {
    expect(strip.says(lost, 4999)).toBe('nothing')
    expect(strip.says(lost, 5000)).toBe('reconnecting')
  })

  it('counts from the first loss, not from the last attempt', () => {
    const again = strip.reduce(lost, { type: 'phase', phase: 'connecting', at: 4000 })
    expect(strip.says(again, 5000)).toBe('reconnecting')
  })

  it('says at once that there is no network, and for two seconds that there is one again', () => {
    const fresh = strip.reduce(strip.calm, { type: 'frame', at: 500 })
    const offline = strip.reduce(fresh, { type: 'phase', phase: 'offline', at: 1000 })
    expect(strip.says(offline, 1000)).toBe('offline')
    const back = strip.reduce(offline, { type: 'phase', phase: 'live', at: 9000 })
    expect(strip.says(back, 9001)).toBe('online')
    expect(strip.says(back, 11_000)).toBe('nothing')
  })

  it('does not call the first connection a return', () => {
    const slow = strip.reduce(strip.reduce(lost, { type: 'told' }), { type: 'phase', phase: 'live', at: 9000 })
    expect(strip.says(slow, 9001)).toBe('nothing')
  })

  it('does not praise what nobody missed', () => {
    expect(strip.says(strip.reduce(lost, { type: 'phase', phase: 'live', at: 2000 }), 2001)).toBe('nothing')
  })
})

describe('a submission', () => {
  it('names every field that is wrong at once (F1)', () => {
    expect(validate({ title: '', description: 'x'.repeat(10_001) })).toEqual({
      title: 'submit.title.missing',
      description: 'submit.description.long'
    })
  })

  it('counts characters as people do', () => {
    expect(validate({ title: '👋'.repeat(255), description: '' })).toEqual({})
    expect(validate({ title: '👋'.repeat(256), description: '' }).title).toBe('submit.title.long')
  })
})
