/** What the line under the header says of the connection. Pure. */
import type { Phase } from '../../rpc/watch'

/** Without a stream for this long, it is said; in milliseconds. */
export const PATIENCE = 4_000
/** How long the good news stays. */
export const GOOD_NEWS = 2_000

export interface Strip {
  /** Since when there has been no stream; nothing while there is one. */
  lostAt: number | undefined
  offline: boolean
  /** Until when "Back online" is said. */
  backUntil: number
  /** When what is shown was last known to be current; 0 never. */
  freshAt: number
  /** Something was said that the good news must take back. */
  told: boolean
}

export const calm: Strip = { lostAt: undefined, offline: false, backUntil: 0, freshAt: 0, told: false }

export type StripEvent = { type: 'phase'; phase: Phase; at: number } | { type: 'frame'; at: number } | { type: 'told' }

export function reduce(strip: Strip, event: StripEvent): Strip {
  switch (event.type) {
    case 'told':
      return { ...strip, told: true }
    case 'frame':
      return { ...strip, freshAt: event.at }
    case 'phase': {
      const { phase, at } = event
      // reads at intervals are a connection too, only a slow one; and nobody looks at a hidden page
      if (phase === 'live' || phase === 'polling' || phase === 'hidden' || phase === 'idle')
        return {
          ...strip,
          lostAt: undefined,
          offline: false,
          // who was never there does not come back
          backUntil: strip.told && strip.freshAt ? at + GOOD_NEWS : strip.backUntil,
          told: false
        }
      return {
        ...strip,
        lostAt: strip.lostAt ?? at,
        offline: phase === 'offline',
        told: strip.told || phase === 'offline'
      }
    }
  }
}

export type Says = 'nothing' | 'offline' | 'reconnecting' | 'online'

export function says(strip: Strip, at: number): Says {
  if (strip.offline) return 'offline'
  if (strip.lostAt !== undefined && at - strip.lostAt >= PATIENCE) return 'reconnecting'
  return at < strip.backUntil ? 'online' : 'nothing'
}
