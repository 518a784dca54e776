/** A customer who is not there, for the preview: what they asked for and what was written about it. */
import type * as pb from '../gen/messenger/bff/v1/types_pb'
import type { StateCategoryJson } from '../gen/messenger/tickets/v1/types_pb'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const state = (category: StateCategoryJson, label: string): pb.TicketStateJson => ({ category, label })
const SUBMITTED = state('STATE_CATEGORY_SUBMITTED', 'Submitted')
const IN_PROGRESS = state('STATE_CATEGORY_IN_PROGRESS', 'In progress')
const WAITING = state('STATE_CATEGORY_WAITING_ON_CUSTOMER', 'Waiting on you')
const RESOLVED = state('STATE_CATEGORY_RESOLVED', 'Resolved')

const SAM: pb.AuthorJson = { kind: 'AUTHOR_KIND_CONTACT', name: 'Sam', me: true }
const TEAM: pb.AuthorJson = { kind: 'AUTHOR_KIND_TEAMMATE', name: 'Your team' }

export interface Thread {
  summary: pb.ConversationSummaryJson
  /** Oldest first. */
  parts: pb.PartJson[]
}

/** Seen from a moment, in milliseconds since 1970. */
export function sample(now: number) {
  const ago = (time: number) => new Date(now - time).toISOString()
  let last = 0
  const part = (thread: Thread, author: pb.AuthorJson, body: string, time: string): pb.PartJson => {
    const seq = String(thread.parts.length + 1)
    const made: pb.PartJson = {
      partId: `prt_${++last}`,
      seq,
      kind: 'PART_KIND_MESSAGE',
      author,
      body,
      createTime: time
    }
    thread.parts.push(made)
    thread.summary = { ...thread.summary, preview: body, author, activityTime: time, headSeq: seq, readSeq: seq }
    return made
  }
  const thread = (conversationId: string, ticket?: pb.TicketPillJson): Thread => ({
    summary: { conversationId, state: 'CONVERSATION_STATE_OPEN', ...(ticket && { ticket }) },
    parts: []
  })
  const ticket = (
    number: number,
    title: string,
    description: string,
    states: [pb.TicketStateJson, number][],
    unread = false
  ): pb.TicketDetailJson => {
    const [now = SUBMITTED, changed = 0] = states.at(-1) ?? []
    return {
      summary: {
        ticketId: `tkt_${number}`,
        number: String(number),
        title,
        typeName: 'Support request',
        state: now,
        createTime: ago(states[0]?.[1] ?? 0),
        activityTime: ago(changed),
        unread,
        revision: String(states.length)
      },
      description,
      history: states.map(([state, time], at) => ({ state, time: ago(time), revision: String(at + 1) })),
      callToAction: { kind: 'CALL_TO_ACTION_KIND_CONTINUE_CONVERSATION', conversationId: `cnv_${number}` }
    }
  }

  const tickets = [
    ticket(
      1042,
      'Refund for order 1042',
      'The blue jacket is one size too small. I have sent it back on Monday.',
      [
        [SUBMITTED, 2 * DAY],
        [IN_PROGRESS, DAY],
        [WAITING, 12 * MINUTE]
      ],
      true
    ),
    ticket(1038, 'The invoice has the wrong address', 'It still says the old one.', [
      [SUBMITTED, 5 * DAY],
      [IN_PROGRESS, 3 * HOUR]
    ]),
    ticket(1007, 'Change the delivery day', 'Friday would be better.', [
      [SUBMITTED, 21 * DAY],
      [RESOLVED, 20 * DAY]
    ])
  ]
  const threads = tickets.map(({ summary, description }) => {
    const { ticketId = '', number = '', title = '', state = SUBMITTED, createTime = '' } = summary ?? {}
    const about = thread(`cnv_${number}`, { ticketId, number, title, state })
    part(about, SAM, description ?? '', createTime)
    return about
  })
  const [refund] = threads
  if (refund) {
    part(refund, TEAM, 'Thank you, it has arrived. Which account should the money go to?', ago(12 * MINUTE))
    refund.summary.unread = true
    refund.summary.readSeq = '1'
  }
  return { tickets, threads, thread, part, SAM, SUBMITTED }
}
