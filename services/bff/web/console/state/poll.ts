/** Asks again and again while somebody looks, slower while it fails, and not at all while nobody does. */

/** The pause after the first failure, in milliseconds: most are over in a moment. It doubles with each one more. */
const FIRST = 1_000
/** The longest pause after failures, in milliseconds. */
const LONGEST = 30_000

export interface Poll {
  /** Asks now; the next time is counted from its answer. */
  now(): Promise<void>
  stop(): void
}

/** `task` never throws: it answers whether it got through. `every` is in milliseconds. */
export function poll(task: () => Promise<boolean>, every: number): Poll {
  let timer: ReturnType<typeof setTimeout> | undefined
  let failed = 0
  let turn = 0
  let stopped = false
  const looked = () => document.visibilityState === 'visible' && navigator.onLine
  const later = () => {
    clearTimeout(timer)
    if (stopped || !looked()) return
    const pause = failed ? Math.min(LONGEST, FIRST * 2 ** (failed - 1)) : every
    // several pages that lost the same server do not all come back at once
    timer = setTimeout(run, failed ? pause * (0.5 + Math.random() / 2) : pause)
  }
  async function run() {
    clearTimeout(timer)
    const mine = ++turn
    const got = await task()
    if (mine !== turn || stopped) return
    failed = got ? 0 : Math.min(failed + 1, 10)
    later()
  }
  const awake = () => {
    if (stopped) return
    if (looked()) run()
    else clearTimeout(timer)
  }
  document.addEventListener('visibilitychange', awake)
  addEventListener('online', awake)
  addEventListener('offline', awake)
  return {
    now: run,
    stop() {
      stopped = true
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', awake)
      removeEventListener('online', awake)
      removeEventListener('offline', awake)
    }
  }
}
