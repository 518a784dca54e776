/** A ticket's timeline: what was written, what was noted, and what happened, in one order. Pure. */
import type { Page } from '../api'
import type { Entry, Part } from '../model'

export interface Parts {
  /** Oldest first, without a hole. */
  rows: Part[]
  /** Token of the page before the first row; empty at the beginning. */
  older: string
}

export type Item = { time: string; part: Part } | { time: string; entry: Entry }

export const none: Parts = { rows: [], older: '' }

/** Takes the newest page. What is held goes on below it, unless more came in the meantime than a page holds. */
export function newest(held: Parts, page: Page<Part>): Parts {
  const rows = [...page.rows].reverse()
  const first = rows[0]?.seq ?? 0
  const last = held.rows.at(-1)?.seq ?? 0
  if (!held.rows.length || first > last + 1) return { rows, older: page.next }
  return { rows: [...held.rows.filter((row) => row.seq < first), ...rows], older: held.older }
}

/** Takes the page before the first row. */
export function before(held: Parts, page: Page<Part>): Parts {
  const first = held.rows[0]?.seq ?? Number.POSITIVE_INFINITY
  const rows = page.rows.filter((row) => row.seq < first).reverse()
  return { rows: [...rows, ...held.rows], older: page.next }
}

/**
 * Everything oldest first. What stands in the conversation as a stamp of this ticket is told once, there, by the
 * history, which knows who did it; what happened before the first part that is there waits until the parts before it
 * are there too.
 */
export function merged(ticketId: string, parts: Parts, entries: Entry[]): Item[] {
  const told = new Map(
    entries
      .filter(({ visible, kind }) => visible && (kind === 'state' || kind === 'created'))
      .map((entry) => [entry.revision, entry])
  )
  const stamped = new Set<Entry>()
  const items: Item[] = parts.rows.map((part) => {
    const entry = part.ticket?.id === ticketId ? told.get(part.ticket.revision) : undefined
    if (!entry || stamped.has(entry)) return { time: part.time, part }
    stamped.add(entry)
    return { time: part.time, entry }
  })
  const from = parts.older ? Date.parse(parts.rows[0]?.time ?? '') : Number.NEGATIVE_INFINITY
  for (const entry of [...entries].reverse())
    if (!stamped.has(entry) && Date.parse(entry.time) >= from) items.push({ time: entry.time, entry })
  // at the same time, parts keep their order: the sort is stable
  return items.sort((a, b) => Date.parse(a.time) - Date.parse(b.time))
}
