/** A ticket's way in three milestones. Pure. */
import type { Category, Ticket, TicketState } from '../model'

export interface Step {
  state: TicketState
  at: 'done' | 'current' | 'future'
  /** When it was last entered; nothing for what is to come or was passed over. */
  time: string
}

const PLACE: Record<Category, number> = { submitted: 0, in_progress: 1, waiting: 1, resolved: 2 }
const MILESTONES: Category[] = ['submitted', 'in_progress', 'resolved']

/**
 * Submitted, in progress, resolved. Waiting on the customer is the middle one in another colour: it is not
 * on the way. After a reopening the later ones lie ahead again.
 */
export function steps(ticket: Pick<Ticket, 'state' | 'history' | 'createTime'>): Step[] {
  const here = PLACE[ticket.state.category]
  return MILESTONES.map((category, place) => {
    const at = place < here ? 'done' : place === here ? 'current' : 'future'
    // newest first
    const entered = ticket.history.find((update) => PLACE[update.state.category] === place)
    if (at === 'current') return { state: ticket.state, at, time: entered?.time ?? ticket.createTime }
    if (at === 'future') return { state: { category, label: '' }, at, time: '' }
    const passed = ticket.history.find((update) => update.state.category === category)
    return {
      state: passed?.state ?? { category, label: '' },
      at,
      time: place === 0 ? (passed?.time ?? ticket.createTime) : (entered?.time ?? '')
    }
  })
}
