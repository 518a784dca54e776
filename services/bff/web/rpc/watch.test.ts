import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { idle, step, type WatchEvent, Watcher, type WatchState } from './watch'

const half = () => 0.5
/** Where a state is after these events. */
function reached(...events: WatchEvent[]): WatchState {
  return events.reduce((state, event) => step(state, event, half)[0], idle)
}
const effects = (state: WatchState, event: WatchEvent) => step(state, event, half)[1]

describe('the stream', () => {
  it('opens at the start and is live with its first frame', () => {
    expect(effects(idle, { type: 'start' })).toContainEqual({ do: 'open' })
    expect(reached({ type: 'start' }, { type: 'frame' }).phase).toBe('live')
  })

  it('is opened again after a pause that grows and never passes 30 s', () => {
    let state = reached({ type: 'start' })
    const waits = []
    for (let turn = 0; turn < 12; turn++) {
      const [next, does] = step(state, { type: 'ended' }, () => 0.999_999)
      const wait = does.find((effect) => effect.do === 'wait')
      waits.push(wait?.do === 'wait' ? wait.ms : -1)
      state = step(next, { type: 'due' }, half)[0]
    }
    expect(waits[0]).toBeLessThanOrEqual(1000)
    expect(waits[1]).toBeGreaterThan(waits[0] as number)
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000)
  })

  it('comes back when the server said, not earlier and not later', () => {
    expect(effects(reached({ type: 'start' }, { type: 'frame' }), { type: 'ended', wait: 1234 })).toContainEqual({
      do: 'wait',
      ms: 1234
    })
  })

  it('that has held for ten seconds forgets the failures before', () => {
    const failed = reached({ type: 'start' }, { type: 'ended' }, { type: 'due' }, { type: 'frame' })
    expect(failed.failures).toBe(1)
    expect(step(failed, { type: 'healthy' }, half)[0].failures).toBe(0)
  })

  it('is dropped and opened anew when the page is shown, even if it looks alive', () => {
    expect(effects(reached({ type: 'start' }, { type: 'frame' }), { type: 'shown' })).toEqual([
      { do: 'close' },
      { do: 'open' }
    ])
  })

  it('waits for the network without trying', () => {
    const offline = reached({ type: 'start' }, { type: 'frame' }, { type: 'offline' })
    expect(offline.phase).toBe('offline')
    expect(effects(offline, { type: 'due' })).toEqual([])
    expect(effects(offline, { type: 'online' })).toContainEqual({ do: 'open' })
  })

  it('is let go while nobody looks, and Home is read every minute', () => {
    const hidden = reached({ type: 'start' }, { type: 'frame' }, { type: 'hidden' })
    expect(hidden.phase).toBe('hidden')
    expect(effects(hidden, { type: 'due' })).toEqual([{ do: 'read' }, { do: 'wait', ms: 60_000 }])
  })

  it('that stays silent keeps nobody waiting: Home is read besides', () => {
    expect(effects(reached({ type: 'start' }), { type: 'silent' })).toContainEqual({ do: 'read' })
    expect(effects(reached({ type: 'start' }), { type: 'ended' })).not.toContainEqual({ do: 'read' })
  })

  it('gives way to polls after three that stayed silent, and is tried again after ten minutes', () => {
    const silent: WatchEvent[] = [{ type: 'silent' }, { type: 'due' }]
    const third = reached({ type: 'start' }, ...silent, ...silent)
    expect(effects(third, { type: 'silent' })).toEqual([{ do: 'close' }, { do: 'poll' }, { do: 'wait', ms: 600_000 }])
    const polling = step(third, { type: 'silent' }, half)[0]
    expect(polling.phase).toBe('polling')
    expect(effects(polling, { type: 'shown' })).toEqual([])
    const [again, does] = step(polling, { type: 'due' }, half)
    expect(does).toEqual([{ do: 'close' }, { do: 'open' }])
    // one that stays silent again is enough
    expect(step(again, { type: 'silent' }, half)[0].phase).toBe('polling')
    // and one that speaks ends it
    const live = step(again, { type: 'frame' }, half)[0]
    expect([live.phase, live.fruitless]).toEqual(['live', 0])
  })

  it('that is refused is no proxy that holds frames back', () => {
    const refused: WatchEvent[] = [{ type: 'ended' }, { type: 'due' }]
    expect(reached({ type: 'start' }, ...refused, ...refused, ...refused, ...refused).phase).toBe('connecting')
  })

  it('does nothing any more once it is stopped', () => {
    const stopped = reached({ type: 'start' }, { type: 'stop' })
    for (const type of ['due', 'online', 'shown', 'ended', 'frame'] as const)
      expect(step(stopped, { type }, half)).toEqual([idle, []])
  })
})

describe('the watcher', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function watcher() {
    const streams: { frame: () => void; end: (wait?: number) => void; signal: AbortSignal }[] = []
    const polls: { answer: (pause: number) => void; signal: AbortSignal }[] = []
    const poll = (signal: AbortSignal) =>
      new Promise<number>((answer) => {
        polls.push({ answer, signal })
      })
    const read = vi.fn(async () => {})
    const phases: string[] = []
    const made = new Watcher({
      open: (signal, frame) =>
        new Promise((resolve) => {
          streams.push({ frame, end: resolve, signal })
        }),
      poll,
      read,
      changed: (phase) => phases.push(phase),
      random: half
    })
    return { made, streams, polls, read, phases }
  }

  it('opens one stream at a time and hears only the newest', async () => {
    const { made, streams } = watcher()
    made.tell({ type: 'start' })
    made.tell({ type: 'shown' })
    expect(streams).toHaveLength(2)
    expect(streams[0]?.signal.aborted).toBe(true)
    streams[0]?.frame()
    expect(made.phase).toBe('connecting')
    streams[1]?.frame()
    expect(made.phase).toBe('live')
    streams[0]?.end()
    await vi.advanceTimersByTimeAsync(0)
    expect(made.phase).toBe('live')
  })

  it('polls one after another when streams do not come through, and never two at once', async () => {
    const { made, streams, polls, read } = watcher()
    made.tell({ type: 'start' })
    while (made.phase !== 'polling') await vi.advanceTimersByTimeAsync(100)
    expect(streams).toHaveLength(3)
    expect(read).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(polls).toHaveLength(1)
    polls[0]?.answer(0)
    // answered at once, it is still not asked again at once
    await vi.advanceTimersByTimeAsync(499)
    expect(polls).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(polls).toHaveLength(2)
    polls[1]?.answer(20_000)
    await vi.advanceTimersByTimeAsync(19_999)
    expect(polls).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(polls).toHaveLength(3)
  })

  it('ends the polls with the try of a stream, and while nobody looks', async () => {
    const { made, streams, polls } = watcher()
    made.tell({ type: 'start' })
    while (made.phase !== 'polling') await vi.advanceTimersByTimeAsync(100)
    await vi.advanceTimersByTimeAsync(600_000)
    expect(streams).toHaveLength(4)
    expect(polls[0]?.signal.aborted).toBe(true)
    streams[3]?.frame()
    polls[0]?.answer(0)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(polls).toHaveLength(1)
    expect(made.phase).toBe('live')
  })

  it('comes back by itself after the server ends the stream', async () => {
    const { made, streams, phases } = watcher()
    made.tell({ type: 'start' })
    streams[0]?.frame()
    streams[0]?.end(200)
    await vi.advanceTimersByTimeAsync(200)
    expect(streams).toHaveLength(2)
    expect(phases).toEqual(['connecting', 'live', 'waiting', 'connecting'])
  })
})
