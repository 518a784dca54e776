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
      .filter(({ visible, kind }) => visible && (kind === 'state' || kind === 'created' || kind === 'shared'))
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
  const others = [...entries].reverse().filter((entry) => !stamped.has(entry) && Date.parse(entry.time) >= from)
  // parts keep their order, which is the customer's too, whatever the clocks that stamped them say
  const all: Item[] = []
  for (const item of items) {
    while (others[0] && Date.parse(others[0].time) < Date.parse(item.time)) all.push(happening(others))
    all.push(item)
  }
  while (others.length) all.push(happening(others))
  return all
}

function happening(entries: Entry[]): Item {
  const entry = entries.shift() as Entry
  return { time: entry.time, entry }
}
