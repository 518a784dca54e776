/** A server that is not there: it answers the Messenger's calls from a sample, and forgets all of it with the page. */
import type * as rpc from '../gen/messenger/bff/v1/bff_pb'
import type { HomeJson } from '../gen/messenger/bff/v1/types_pb'
import type { Client } from '../rpc/connect'
import { RpcError } from '../rpc/errors'
import { sample } from './sample'

/** Tickets on the card on Home. */
const CARD = 3

type Body = Record<string, unknown>

/** `shows` says whether the Tickets space is on; a newer answer of it is told by a higher settings version. */
export function pretend(shows: () => boolean, now = Date.now()): Client {
  const { tickets, threads, thread, part, SAM, SUBMITTED } = sample(now)
  let made = 0
  let version = 0
  const present = () => new Date().toISOString()
  const named = (id: unknown) => threads.find(({ summary }) => summary.conversationId === id)
  const found = (id: unknown) => {
    const one = named(id)
    if (!one) throw new RpcError('not_found')
    return one
  }

  function home(): HomeJson {
    const on = shows()
    const active = tickets.filter(({ summary }) => summary?.state?.category !== 'STATE_CATEGORY_RESOLVED')
    const unread = tickets.filter(({ summary }) => summary?.unread).length
    const cards = active.slice(0, CARD).map(({ summary = {} }) => {
      const { ticketId = '', number = '', title = '', state = SUBMITTED, unread = false, activityTime = '' } = summary
      return { ticketId, number, title, state, unread, updateTime: activityTime }
    })
    const recent = threads[0]?.summary
    return {
      identity: { contactId: 'con_sam', name: 'Sam' },
      spaces: [
        { space: 'SPACE_HOME', visible: true },
        { space: 'SPACE_MESSAGES', visible: true },
        { space: 'SPACE_TICKETS', visible: on }
      ],
      badges: { messages: threads.filter(({ summary }) => summary.unread).length, ...(on && { tickets: unread }) },
      ...(on && { recentTickets: { tickets: cards } }),
      ...(recent && { recentConversation: recent }),
      token: { epoch: '1', contactVersion: '1', settingsVersion: String(++version) }
    }
  }

  const answers: Record<string, (body: Body) => unknown> = {
    'SessionService/CreateSession': (): rpc.CreateSessionResponseJson => ({ accessToken: 'preview' }),
    'MessengerService/GetHome': (): rpc.GetHomeResponseJson => ({ home: home() }),
    'MessengerService/ListTickets': (): rpc.ListTicketsResponseJson => ({
      tickets: tickets.flatMap(({ summary }) => summary ?? [])
    }),
    'MessengerService/GetTicket': ({ ticketId }): rpc.GetTicketResponseJson => {
      const ticket = tickets.find(({ summary }) => summary?.ticketId === ticketId)
      if (!ticket) throw new RpcError('not_found')
      return { ticket }
    },
    'MessengerService/ListTicketForms': (): rpc.ListTicketFormsResponseJson => ({
      forms: [{ typeId: 'tty_1', name: 'Support request' }]
    }),
    'MessengerService/SubmitTicket': ({ title, description }): rpc.SubmitTicketResponseJson => {
      const number = String(1043 + made++)
      const time = present()
      const head = { ticketId: `tkt_${number}`, number, title: String(title), state: SUBMITTED }
      const about = thread(`cnv_${number}`, head)
      part(about, SAM, String(description || title), time)
      threads.unshift(about)
      const ticket = {
        summary: { ...head, typeName: 'Support request', createTime: time, activityTime: time, revision: '1' },
        description: String(description),
        history: [{ state: SUBMITTED, time, revision: '1' }],
        callToAction: {
          kind: 'CALL_TO_ACTION_KIND_CONTINUE_CONVERSATION' as const,
          conversationId: `cnv_${number}`
        }
      }
      tickets.unshift(ticket)
      return { ticket }
    },
    'MessengerService/ListConversations': (): rpc.ListConversationsResponseJson => ({
      conversations: threads.map(({ summary }) => summary)
    }),
    'MessengerService/GetConversation': ({ conversationId }): rpc.GetConversationResponseJson => {
      const { summary, parts } = found(conversationId)
      return { conversation: summary, parts: [...parts].reverse() }
    },
    'MessengerService/StartConversation': ({ body }): rpc.StartConversationResponseJson => {
      const begun = thread(`cnv_new_${made++}`)
      part(begun, SAM, String(body), present())
      threads.unshift(begun)
      return { conversation: begun.summary }
    },
    'MessengerService/SendMessage': ({ conversationId, body }): rpc.SendMessageResponseJson => ({
      part: part(found(conversationId), SAM, String(body), present())
    })
  }
  return {
    async unary<I, O>(method: string, body: I) {
      const answer = answers[method]
      if (!answer) throw new RpcError('unimplemented')
      // what is shown is a copy, as if it had come from afar
      return structuredClone(answer(body as Body)) as O
    },
    // biome-ignore lint/correctness/useYield: nothing changes by itself here
    async *stream() {
      throw new RpcError('unimplemented')
    }
  }
}
