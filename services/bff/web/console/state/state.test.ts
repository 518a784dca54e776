import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Entry, entry, type Part, part } from '../model'
import { inbox, parse } from '../place'
import { poll } from './poll'
import * as timeline from './timeline'

const message = (seq: number, more: object = {}) =>
  part({
    partId: `p${seq}`,
    seq: String(seq),
    kind: 'PART_KIND_MESSAGE',
    createTime: `2026-11-20T10:00:${String(seq).padStart(2, '0')}Z`,
    ...more
  }) as Part
const seqs = ({ rows }: timeline.Parts) => rows.map((row) => row.seq)

describe('the timeline', () => {
  it('goes on below what is held', () => {
    const held = timeline.newest(timeline.none, { rows: [message(3), message(2)], next: 'older' })
    const next = timeline.newest(held, { rows: [message(5), message(4), message(3)], next: 'x' })
    expect(seqs(next)).toEqual([2, 3, 4, 5])
    expect(next.older).toBe('older')
  })

  it('has no hole: when more came than a page holds, what was held is let go', () => {
    const held = timeline.newest(timeline.none, { rows: [message(2), message(1)], next: '' })
    const next = timeline.newest(held, { rows: [message(9), message(8)], next: 'seven' })
    expect(seqs(next)).toEqual([8, 9])
    expect(next.older).toBe('seven')
  })

  it('grows at its beginning by the page before, and by nothing twice', () => {
    const held = timeline.newest(timeline.none, { rows: [message(4), message(3)], next: 'older' })
    expect(seqs(timeline.before(held, { rows: [message(3), message(2), message(1)], next: '' }))).toEqual([1, 2, 3, 4])
  })

  it('tells once what happened and was stamped, by who did it, and in order what was not', () => {
    const stamp = { ticketId: 'tkt_1', revision: '2', stateId: 'tst_p' }
    const parts = timeline.newest(timeline.none, {
      rows: [message(5), message(3, { kind: 'PART_KIND_TICKET_EVENT', ticket: stamp })],
      next: ''
    })
    const entries = [
      { kind: 'HISTORY_KIND_EDITED', version: '3', revision: '2', time: '2026-11-20T10:00:04Z' },
      {
        kind: 'HISTORY_KIND_STATE_CHANGED',
        version: '2',
        revision: '2',
        visibleToCustomer: true,
        time: '2026-11-20T10:00:03Z'
      }
    ].flatMap((json) => entry(json as Parameters<typeof entry>[0]) ?? [])
    const items = timeline.merged('tkt_1', parts, entries)
    expect(items.map((item) => ('part' in item ? item.part.seq : item.entry.kind))).toEqual(['state', 'edited', 5])
  })
})

describe('what the customer sees', () => {
  it('stands in the same order for the team, whatever the clocks say', () => {
    const late = message(2, { createTime: '2026-11-20T10:00:09Z' })
    const held = timeline.newest(timeline.none, { rows: [message(3), late, message(1)], next: '' })
    const edited = entry({ kind: 'HISTORY_KIND_EDITED', version: '9', time: '2026-11-20T10:00:05Z' }) as Entry
    const items = timeline.merged('tkt_1', held, [edited])
    expect(items.map((item) => ('part' in item ? item.part.seq : item.entry.kind))).toEqual([1, 'edited', 2, 3])
  })
})

describe('a ticket that was shared', () => {
  it('was shared, and did not change its state to the one it was in', () => {
    const stamp = { ticketId: 'tkt_1', revision: '2', stateId: 'tst_s' }
    const rows = [message(3, { kind: 'PART_KIND_TICKET_EVENT', ticket: stamp })]
    const shared = {
      kind: 'HISTORY_KIND_SHARED',
      version: '2',
      revision: '2',
      visibleToCustomer: true,
      time: '2026-11-20T10:00:03Z'
    } as const
    const items = timeline.merged('tkt_1', timeline.newest(timeline.none, { rows, next: '' }), [entry(shared) as Entry])
    expect(items.map((item) => ('part' in item ? 'part' : item.entry.kind))).toEqual(['shared'])
  })
})

describe('the address', () => {
  it('holds all that the inbox shows, and survives the way there and back', () => {
    const filter = {
      category: 'waiting',
      shared: false,
      text: 'a&b',
      requester: 'con_1',
      assignee: 'tea_1'
    } as const
    const address = new URL(inbox(filter, 'tkt_1'), 'https://x')
    expect(parse(address.pathname, address.search)).toEqual({ page: 'inbox', filter, ticket: 'tkt_1' })
  })

  it('that nobody wrote by hand shows everything; one that is none says so', () => {
    expect(parse('/console/tickets', '?state=x&shared=perhaps&requester=tea_1&assignee=%27')).toEqual({
      page: 'inbox',
      filter: {},
      ticket: ''
    })
    expect(parse('/console/elsewhere', '')).toEqual({ page: 'missing' })
    expect(parse('/console/settings', '')).toEqual({ page: 'settings', tab: 'content' })
  })
})

describe('asking again', () => {
  const seen = (state: 'visible' | 'hidden') => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => {
    seen('visible')
    vi.useRealTimers()
  })

  it('goes on while somebody looks, stops when nobody does, and begins at once when they are back', async () => {
    const task = vi.fn(async () => true)
    const asking = poll(task, 1_000)
    await asking.now()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(task).toHaveBeenCalledTimes(3)
    seen('hidden')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(task).toHaveBeenCalledTimes(3)
    seen('visible')
    expect(task).toHaveBeenCalledTimes(4)
    asking.stop()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(task).toHaveBeenCalledTimes(4)
  })

  it('finds a server that was away for a moment within seconds', async () => {
    let away = true
    const task = vi.fn(async () => !away)
    const asking = poll(task, 10_000)
    await asking.now()
    away = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(task).toHaveBeenCalledTimes(2)
    asking.stop()
  })

  it('is asked ever more seldom while it fails', async () => {
    const task = vi.fn(async () => false)
    const asking = poll(task, 1_000)
    await asking.now()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(task.mock.calls.length).toBeLessThan(10)
    asking.stop()
  })
})
