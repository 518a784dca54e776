/** The calls of the Messenger, as functions on its own model. */
import type * as rpc from '../gen/messenger/bff/v1/bff_pb'
import type { HomeJson, HomeTokenJson } from '../gen/messenger/bff/v1/types_pb'
import type { PlatformJson } from '../gen/messenger/settings/v1/types_pb'
import type { CallOptions, Client } from '../rpc/connect'
import * as model from './model'

export interface Page<T> {
  rows: T[]
  next: string
}

export interface ThreadPage {
  conversation: model.Conversation
  /** Oldest first. */
  parts: model.Part[]
  /** Token of the page before; empty at the beginning. */
  older: string
}

export type Frame =
  | { kind: 'home'; home: model.Home }
  | { kind: 'bookmark' }
  /** `session`: it is over; `merged`: because the visitor is a user now. */
  /** `crowded`: this customer has too many streams, and this one made room for another. */
  | { kind: 'away'; wait: number; session: boolean; merged: boolean; crowded: boolean }

interface WireFrame {
  home?: HomeJson
  goAway?: { reason?: string; retryAfterMs?: number }
}

function frame({ home, goAway }: WireFrame): Frame {
  if (home) return { kind: 'home', home: model.home(home) }
  if (!goAway) return { kind: 'bookmark' }
  return {
    kind: 'away',
    wait: goAway.retryAfterMs ?? 0,
    session: goAway.reason === 'GO_AWAY_REASON_SESSION_ENDED',
    merged: goAway.reason === 'GO_AWAY_REASON_SESSION_CHANGED',
    crowded: goAway.reason === 'GO_AWAY_REASON_TOO_MANY'
  }
}

/** How long a poll asks the server to wait, in milliseconds; it answers sooner, before the call's deadline. */
const POLL = 25_000

/** Largest page that the server gives. */
export const PAGE_MOST = 100

/** `call` makes one unary call with a valid session, renewing it once. */
export function api(
  client: Client,
  call: <I, O>(method: string, body: I, options?: CallOptions) => Promise<O>,
  platform: PlatformJson
) {
  const ask = <I, O>(method: string, body: I, options?: CallOptions) =>
    call<I, O>(`MessengerService/${method}`, body, options)
  return {
    async home(consistencyToken = ''): Promise<model.Home> {
      const answer = await ask<rpc.GetHomeRequestJson, rpc.GetHomeResponseJson>('GetHome', {
        platform,
        consistencyToken
      })
      return model.home(answer.home)
    },
    async tickets(pageSize: number, pageToken = ''): Promise<Page<model.TicketRow>> {
      const answer = await ask<rpc.ListTicketsRequestJson, rpc.ListTicketsResponseJson>('ListTickets', {
        pageSize,
        pageToken
      })
      return { rows: (answer.tickets ?? []).map(model.ticketRow), next: answer.nextPageToken ?? '' }
    },
    async conversations(pageSize: number, pageToken = ''): Promise<Page<model.Conversation>> {
      const answer = await ask<rpc.ListConversationsRequestJson, rpc.ListConversationsResponseJson>(
        'ListConversations',
        { pageSize, pageToken }
      )
      return { rows: (answer.conversations ?? []).map(model.conversation), next: answer.nextPageToken ?? '' }
    },
    async ticket(ticketId: string): Promise<model.Ticket> {
      const answer = await ask<rpc.GetTicketRequestJson, rpc.GetTicketResponseJson>('GetTicket', { ticketId })
      return model.ticket(answer.ticket)
    },
    async forms(): Promise<model.Form[]> {
      const answer = await ask<rpc.ListTicketFormsRequestJson, rpc.ListTicketFormsResponseJson>('ListTicketForms', {})
      return (answer.forms ?? []).map((form) => ({ id: form.typeId ?? '', name: form.name ?? '' }))
    },
    async submit(body: { requestId: string; typeId: string; title: string; description: string }) {
      const answer = await ask<rpc.SubmitTicketRequestJson, rpc.SubmitTicketResponseJson>('SubmitTicket', body)
      return model.ticket(answer.ticket)
    },
    async openTicketConversation(ticketId: string): Promise<model.Conversation> {
      const answer = await ask<rpc.OpenTicketConversationRequestJson, rpc.OpenTicketConversationResponseJson>(
        'OpenTicketConversation',
        { ticketId }
      )
      return model.conversation(answer.conversation)
    },
    async thread(conversationId: string, pageToken = ''): Promise<ThreadPage> {
      const answer = await ask<rpc.GetConversationRequestJson, rpc.GetConversationResponseJson>('GetConversation', {
        conversationId,
        pageSize: 50,
        pageToken
      })
      return {
        conversation: model.conversation(answer.conversation),
        parts: (answer.parts ?? []).flatMap((json) => model.part(json) ?? []).reverse(),
        older: answer.nextPageToken ?? ''
      }
    },
    async start(requestId: string, body: string): Promise<model.Conversation> {
      const answer = await ask<rpc.StartConversationRequestJson, rpc.StartConversationResponseJson>(
        'StartConversation',
        { requestId, body }
      )
      return model.conversation(answer.conversation)
    },
    async send(requestId: string, conversationId: string, body: string, seen: number): Promise<model.Part | undefined> {
      const answer = await ask<rpc.SendMessageRequestJson, rpc.SendMessageResponseJson>('SendMessage', {
        requestId,
        conversationId,
        body,
        seenUpToSeq: String(seen)
      })
      return model.part(answer.part)
    },
    markConversationRead(conversationId: string, seq: number) {
      const body: rpc.MarkConversationReadRequestJson = { conversationId, upToSeq: String(seq) }
      return ask<typeof body, unknown>('MarkConversationRead', body, { keepalive: true })
    },
    markTicketRead(ticketId: string, revision: number) {
      const body: rpc.MarkTicketReadRequestJson = { ticketId, upToRevision: String(revision) }
      return ask<typeof body, unknown>('MarkTicketRead', body, { keepalive: true })
    },
    async *watch(resumeToken: HomeTokenJson | undefined, signal: AbortSignal): AsyncGenerator<Frame, void, void> {
      const body: rpc.WatchMessengerRequestJson = resumeToken ? { platform, resumeToken } : { platform }
      const frames = client.stream<typeof body, WireFrame>('MessengerService/WatchMessenger', body, { signal })
      for await (const got of frames) yield frame(got)
    },
    /** The next frame, and how long to leave it before the one after, in milliseconds. */
    async poll(resumeToken: HomeTokenJson | undefined, signal: AbortSignal): Promise<{ got: Frame; wait: number }> {
      const body: rpc.PollMessengerRequestJson = { platform, waitMs: POLL }
      if (resumeToken) body.resumeToken = resumeToken
      const answer = await ask<typeof body, rpc.PollMessengerResponseJson>('PollMessenger', body, { signal })
      return { got: frame(answer), wait: answer.pollAfterMs ?? 0 }
    }
  }
}

export type Api = ReturnType<typeof api>
