/** The calls of the console, as functions on its own model. */
import type * as rpc from '../gen/messenger/bff/v1/console_pb'
import type { CallOptions, Client } from '../rpc/connect'
import { asRpcError } from '../rpc/errors'
import * as model from './model'
import * as settings from './settings/model'

export interface Page<T> {
  rows: T[]
  /** Token of the next page; empty on the last. */
  next: string
}

/** Which tickets the inbox shows; what is absent is not asked for. */
export interface Filter {
  category?: model.Category
  shared?: boolean
  text?: string
  /** A contact's id. */
  requester?: string
  /** A teammate's id. */
  assignee?: string
}

export interface InboxPage extends Page<model.Row> {
  /** On the first page only. */
  counts: Partial<Record<model.Category, number>>
  countLimit: number
}

export interface Detail {
  ticket: model.Ticket
  requesters: model.Contact[]
  conversation: model.Conversation | undefined
}

export interface Found {
  contacts: model.Contact[]
  /** There are others. */
  more: boolean
}

export interface Replied {
  ticket: model.Ticket | undefined
  /** Why the state was not changed; empty when all was done. */
  stateProblem: string
}

type Write = { requestId: string; ticketId: string }
type Versioned = Write & { expectedVersion: string }

/** Largest page that the server gives. */
export const PAGE_MOST = 100

/** `ended` hears that nobody is logged in any more. */
export function api(client: Client, ended: () => void) {
  const ask = async <I, O>(method: string, body: I, options?: CallOptions): Promise<O> => {
    try {
      return await client.unary<I, O>(`ConsoleService/${method}`, body, options)
    } catch (thrown) {
      const error = asRpcError(thrown)
      if (error.code === 'unauthenticated') ended()
      throw error
    }
  }
  const changed = async <I>(method: string, body: I) => {
    const answer = await ask<I, { ticket?: rpc.EditTicketResponseJson['ticket'] }>(method, body)
    return model.ticket(answer.ticket)
  }
  return {
    async team(): Promise<model.Team> {
      return model.team(await ask<rpc.GetConsoleRequestJson, rpc.GetConsoleResponseJson>('GetConsole', {}))
    },
    async inbox(filter: Filter, pageSize: number, pageToken = ''): Promise<InboxPage> {
      const body: rpc.ListInboxRequestJson = {
        pageSize,
        pageToken,
        ...(filter.category && { category: model.categoryJson(filter.category) }),
        ...(filter.shared !== undefined && { shared: filter.shared }),
        ...(filter.text && { text: filter.text }),
        ...(filter.requester && { requesterContactId: filter.requester }),
        ...(filter.assignee && { assigneeTeammateId: filter.assignee })
      }
      const answer = await ask<typeof body, rpc.ListInboxResponseJson>('ListInbox', body)
      return {
        rows: (answer.tickets ?? []).map(model.row),
        next: answer.nextPageToken ?? '',
        counts: Object.fromEntries((answer.counts ?? []).map((one) => [model.category(one.category), one.count ?? 0])),
        countLimit: answer.countLimit ?? 0
      }
    },
    async ticket(ticketId: string): Promise<Detail> {
      const body: rpc.GetInboxTicketRequestJson = { ticketId }
      const answer = await ask<typeof body, rpc.GetInboxTicketResponseJson>('GetInboxTicket', body)
      return {
        ticket: model.ticket(answer.ticket),
        requesters: (answer.requesters ?? []).map(model.contact),
        conversation: answer.conversation && model.conversation(answer.conversation)
      }
    },
    /** Newest first. */
    async timeline(conversationId: string, pageSize: number, pageToken = ''): Promise<Page<model.Part>> {
      const body: rpc.ListTimelineRequestJson = { conversationId, pageSize, pageToken }
      const answer = await ask<typeof body, rpc.ListTimelineResponseJson>('ListTimeline', body)
      return {
        rows: (answer.parts ?? []).flatMap((json) => model.part(json) ?? []),
        next: answer.nextPageToken ?? ''
      }
    },
    /** Newest first. */
    async history(ticketId: string, pageSize: number, pageToken = ''): Promise<Page<model.Entry>> {
      const body: rpc.ListInboxHistoryRequestJson = { ticketId, pageSize, pageToken }
      const answer = await ask<typeof body, rpc.ListInboxHistoryResponseJson>('ListInboxHistory', body)
      return {
        rows: (answer.entries ?? []).flatMap((json) => model.entry(json) ?? []),
        next: answer.nextPageToken ?? ''
      }
    },
    async threads(contactId: string, pageToken = ''): Promise<Page<model.Conversation>> {
      const body: rpc.ListContactThreadsRequestJson = { contactId, pageSize: 20, pageToken }
      const answer = await ask<typeof body, rpc.ListContactThreadsResponseJson>('ListContactThreads', body)
      return { rows: (answer.conversations ?? []).map(model.conversation), next: answer.nextPageToken ?? '' }
    },
    /** Who has a name, an address or an id that begins so. */
    async find(text: string): Promise<Found> {
      const body: rpc.FindContactsRequestJson = { text }
      const answer = await ask<typeof body, rpc.FindContactsResponseJson>('FindContacts', body)
      return { contacts: (answer.contacts ?? []).map(model.contact), more: answer.more ?? false }
    },
    create: (body: {
      requestId: string
      requesterContactId: string
      typeId: string
      title: string
      description: string
      conversationId: string
    }) => changed('CreateInboxTicket', body),
    edit: (body: Versioned & { assigneeTeammateId?: string; open?: boolean; title?: string; description?: string }) =>
      changed('EditTicket', body),
    setState: (body: Versioned & { stateId: string }) => changed('SetTicketState', body),
    setShared: (body: Versioned & { shared: boolean }) => changed('SetTicketShared', body),
    setConversation: (body: Versioned & { conversationId: string }) => changed('SetTicketConversation', body),
    async setConversationOpen(body: { requestId: string; conversationId: string; open: boolean }) {
      const answer = await ask<typeof body, rpc.SetConversationOpenResponseJson>('SetConversationOpen', body)
      return model.conversation(answer.conversation ?? {})
    },
    async reply(body: Write & { body: string; stateId: string }): Promise<Replied> {
      const answer = await ask<typeof body, rpc.ReplyToTicketResponseJson>('ReplyToTicket', body)
      return { ticket: answer.ticket && model.ticket(answer.ticket), stateProblem: answer.stateProblem ?? '' }
    },
    note: (body: Write & { body: string }) => ask<typeof body, rpc.AddTicketNoteResponseJson>('AddTicketNote', body),
    async spaces() {
      const answer = await ask<rpc.GetSpacesRequestJson, rpc.GetSpacesResponseJson>('GetSpaces', {})
      return {
        spaces: settings.spaces(answer.settings),
        lastChange: answer.lastChange && settings.change(answer.lastChange)
      }
    },
    async setSpace(platform: settings.Platform, enabled: boolean, expectedVersion: string): Promise<settings.Spaces> {
      const body: rpc.SetSpaceRequestJson = {
        platform: settings.platformJson(platform),
        space: settings.spaceJson('tickets'),
        enabled,
        expectedVersion
      }
      const answer = await ask<typeof body, rpc.SetSpaceResponseJson>('SetSpace', body)
      return settings.spaces(answer.settings)
    },
    async security() {
      const answer = await ask<rpc.GetSecurityRequestJson, rpc.GetSecurityResponseJson>('GetSecurity', {})
      return { security: settings.security(answer.security), keys: (answer.keys ?? []).map(settings.key) }
    },
    async setIdentity(platform: settings.Platform, enforced: boolean, expectedVersion: string) {
      const body: rpc.SetIdentityRequestJson = {
        platform: settings.platformJson(platform),
        mode: enforced ? 'IDENTITY_MODE_ENFORCED' : 'IDENTITY_MODE_OPTIONAL',
        expectedVersion
      }
      return settings.security((await ask<typeof body, rpc.SetIdentityResponseJson>('SetIdentity', body)).security)
    },
    async setOrigins(origins: string[], expectedVersion: string) {
      const body: rpc.SetOriginsRequestJson = { origins, expectedVersion }
      return settings.security((await ask<typeof body, rpc.SetOriginsResponseJson>('SetOrigins', body)).security)
    },
    async createKey(platform: settings.Platform) {
      const body: rpc.CreateKeyRequestJson = { platform: settings.platformJson(platform) }
      const answer = await ask<typeof body, rpc.CreateKeyResponseJson>('CreateKey', body)
      return { key: settings.key(answer.key), secret: answer.secret ?? '' }
    },
    async revokeKey(keyId: string): Promise<number> {
      const body: rpc.RevokeKeyRequestJson = { keyId }
      return (await ask<typeof body, rpc.RevokeKeyResponseJson>('RevokeKey', body)).sessionsRevoked ?? 0
    },
    async testToken(platform: settings.Platform, userJwt: string): Promise<settings.Verdict> {
      const body: rpc.TestUserTokenRequestJson = { platform: settings.platformJson(platform), userJwt }
      return settings.verdict(await ask<typeof body, rpc.TestUserTokenResponseJson>('TestUserToken', body))
    },
    async changes(pageToken = ''): Promise<Page<settings.Change>> {
      const body: rpc.ListChangesRequestJson = { pageSize: 50, pageToken }
      const answer = await ask<typeof body, rpc.ListChangesResponseJson>('ListChanges', body)
      return { rows: (answer.entries ?? []).map(settings.change), next: answer.nextPageToken ?? '' }
    }
  }
}

export type Api = ReturnType<typeof api>
