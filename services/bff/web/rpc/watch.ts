/**
 * When to hold the stream of Home open, and what to do instead. `step` is pure; `Watcher` carries out
 * what it says.
 */

/** Streams in a row without a frame before polls replace them. */
const FRUITLESS = 3
const LONGEST_WAIT = 30_000
const FIRST_WAIT = 500
/** Where streams do not come through, one is tried again this often. */
const POLLING = 600_000
/** Between two polls at the least: one that is answered at once is not asked again at once. */
const BREATH = 500
/** How often Home is read while the page is hidden. */
const READ_HIDDEN = 60_000

export type Phase =
  /** Not started, or stopped. */
  | 'idle'
  /** Asked for a stream, no frame yet. */
  | 'connecting'
  /** Frames come. */
  | 'live'
  /** Until the next attempt. */
  | 'waiting'
  /** The browser says that there is no network. */
  | 'offline'
  /** Nobody looks. */
  | 'hidden'
  /** Streams do not come through: something on the way holds them back. */
  | 'polling'

export interface WatchState {
  phase: Phase
  /** Attempts in a row that failed. */
  failures: number
  /** Streams in a row that were open and silent. */
  fruitless: number
}

export type WatchEvent =
  | { type: 'start' }
  | { type: 'stop' }
  /** A frame came. */
  | { type: 'frame' }
  /** The stream has lived for ten seconds. */
  | { type: 'healthy' }
  /** The stream is over; `wait` when the server said how long, in milliseconds. */
  | { type: 'ended'; wait?: number }
  /** The stream made room for another page's: there are as many as there may be. */
  | { type: 'crowded' }
  /** The stream gave no frame within five seconds. */
  | { type: 'silent' }
  /** The wait is over. */
  | { type: 'due' }
  | { type: 'shown' }
  | { type: 'hidden' }
  | { type: 'online' }
  | { type: 'offline' }

export type WatchEffect =
  | { do: 'open' }
  /** Ends the stream, or the polls in its place. */
  | { do: 'close' }
  /** One poll after another from now on. */
  | { do: 'poll' }
  /** Reads Home once. */
  | { do: 'read' }
  | { do: 'wait'; ms: number }

export const idle: WatchState = { phase: 'idle', failures: 0, fruitless: 0 }

/** `random` is in [0, 1). Every answer of effects replaces a wait that is going on. */
export function step(state: WatchState, event: WatchEvent, random: () => number): [WatchState, WatchEffect[]] {
  const open = (from: Partial<WatchState> = {}): [WatchState, WatchEffect[]] => [
    { ...state, ...from, phase: 'connecting' },
    [{ do: 'close' }, { do: 'open' }]
  ]
  const close = (phase: Phase, ...more: WatchEffect[]): [WatchState, WatchEffect[]] => [
    { ...state, phase },
    [{ do: 'close' }, ...more]
  ]
  if (event.type === 'stop') return [idle, [{ do: 'close' }]]
  if (state.phase === 'idle') return event.type === 'start' ? open() : [state, []]
  switch (event.type) {
    case 'frame':
      return state.phase === 'connecting' ? [{ ...state, phase: 'live', fruitless: 0 }, []] : [state, []]
    case 'healthy':
      return [{ ...state, failures: 0 }, []]
    case 'silent':
    case 'ended': {
      if (state.phase !== 'connecting' && state.phase !== 'live') return [state, []]
      if (event.type === 'silent' && state.phase === 'live') return [state, []]
      // only silence speaks of a proxy that holds frames back; a refused connection does not
      const fruitless = event.type === 'silent' ? state.fruitless + 1 : state.fruitless
      if (fruitless >= FRUITLESS)
        return [
          { ...state, phase: 'polling', fruitless },
          [{ do: 'close' }, { do: 'poll' }, { do: 'wait', ms: POLLING }]
        ]
      const failures = state.failures + 1
      const bound = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(failures, 10))
      const ms = 'wait' in event && event.wait !== undefined ? event.wait : random() * bound
      const effects: WatchEffect[] = [{ do: 'close' }, { do: 'wait', ms }]
      // nobody waits for the third stream to see anything
      if (event.type === 'silent') effects.push({ do: 'read' })
      return [{ ...state, phase: 'waiting', failures, fruitless }, effects]
    }
    // it would take another page's place, which would take it back
    case 'crowded':
      return [
        { ...state, phase: 'polling', fruitless: FRUITLESS },
        [{ do: 'close' }, { do: 'poll' }, { do: 'wait', ms: POLLING }]
      ]
    case 'due':
      if (state.phase === 'waiting') return open()
      if (state.phase === 'hidden') return [state, [{ do: 'read' }, { do: 'wait', ms: READ_HIDDEN }]]
      if (state.phase === 'polling') return open({ fruitless: FRUITLESS - 1 })
      return [state, []]
    case 'offline':
      return close('offline')
    case 'hidden':
      return state.phase === 'offline' ? [state, []] : close('hidden', { do: 'wait', ms: READ_HIDDEN })
    // a stream that lived through a sleep or another network may be dead without saying so
    case 'shown':
    case 'online':
      return state.phase === 'polling' ? [state, []] : open({ failures: 0 })
    case 'start':
      return [state, []]
  }
}

export interface WatcherDeps {
  /**
   * Runs one stream to its end; calls `frame` for each frame. Resolves with the server's wait, or with `crowded` when
   * it had to make room for another.
   */
  open(signal: AbortSignal, frame: () => void): Promise<number | 'crowded' | undefined>
  /** Waits at the server for one change; resolves with the pause before the next, and never throws. */
  poll(signal: AbortSignal): Promise<number>
  /** Reads Home once; never throws. */
  read(): Promise<void>
  /** The phase changed. */
  changed(phase: Phase): void
  random?: () => number
}

/** Runs `step` on real streams and timers. */
export class Watcher {
  private state = idle
  private stream: AbortController | undefined
  private timers = new Set<ReturnType<typeof setTimeout>>()

  constructor(private deps: WatcherDeps) {}

  get phase(): Phase {
    return this.state.phase
  }

  tell(event: WatchEvent) {
    const before = this.state.phase
    const [state, effects] = step(this.state, event, this.deps.random ?? Math.random)
    this.state = state
    if (state.phase !== before) this.deps.changed(state.phase)
    if (effects.length) this.clear()
    for (const effect of effects) this.carryOut(effect)
  }

  private carryOut(effect: WatchEffect) {
    switch (effect.do) {
      case 'close':
        this.stream?.abort()
        this.stream = undefined
        break
      case 'open':
        this.open()
        break
      case 'wait':
        this.after(effect.ms, { type: 'due' })
        break
      case 'poll':
        this.poll()
        break
      case 'read':
        this.deps.read()
    }
  }

  private async poll() {
    const polls = new AbortController()
    this.stream = polls
    while (this.stream === polls) {
      const pause = await this.deps.poll(polls.signal)
      await new Promise((resolve) => setTimeout(resolve, Math.max(pause, BREATH)))
    }
  }

  private open() {
    const stream = new AbortController()
    this.stream = stream
    // one that was replaced has nothing to say any more
    const tell = (event: WatchEvent) => this.stream === stream && this.tell(event)
    this.after(5_000, { type: 'silent' })
    let first = true
    const frame = () => {
      if (first) {
        this.clear()
        this.after(10_000, { type: 'healthy' })
      }
      first = false
      tell({ type: 'frame' })
    }
    this.deps
      .open(stream.signal, () => this.stream === stream && frame())
      .then(
        (wait) => {
          if (wait === 'crowded') tell({ type: 'crowded' })
          else tell(wait === undefined ? { type: 'ended' } : { type: 'ended', wait })
        },
        () => tell({ type: 'ended' })
      )
  }

  private after(ms: number, event: WatchEvent) {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      this.tell(event)
    }, ms)
    this.timers.add(timer)
  }

  private clear() {
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
  }
}
