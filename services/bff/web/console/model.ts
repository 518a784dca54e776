/**
 * What the console works with. The wire leaves out whatever is empty and writes 64-bit numbers as text; that is put
 * right here and nowhere else.
 */

import type * as bff from '../gen/messenger/bff/v1/console_pb'
import type * as conversations from '../gen/messenger/conversations/v1/types_pb'
import type * as settings from '../gen/messenger/settings/v1/types_pb'
import type * as tickets from '../gen/messenger/tickets/v1/types_pb'

export const CATEGORIES = ['submitted', 'in_progress', 'waiting', 'resolved'] as const
export type Category = (typeof CATEGORIES)[number]

const CATEGORY: Record<Category, tickets.StateCategoryJson> = {
  submitted: 'STATE_CATEGORY_SUBMITTED',
  in_progress: 'STATE_CATEGORY_IN_PROGRESS',
  waiting: 'STATE_CATEGORY_WAITING_ON_CUSTOMER',
  resolved: 'STATE_CATEGORY_RESOLVED'
}

export const categoryJson = (category: Category) => CATEGORY[category]
export const category = (json: tickets.StateCategoryJson | undefined): Category =>
  CATEGORIES.find((one) => CATEGORY[one] === json) ?? 'submitted'

export interface State {
  id: string
  category: Category
  /** Teammates' word for it. */
  internal: string
  /** Customers' word for it. */
  customer: string
  archived: boolean
}

export interface TicketType {
  id: string
  name: string
  /** Its tickets are always shared with the customer. */
  customer: boolean
  stateIds: string[]
  archived: boolean
}

export interface Person {
  id: string
  name: string
  active: boolean
}

export type Role = 'viewer' | 'agent' | 'admin'

export interface Team {
  me: { id: string; name: string; email: string; role: Role }
  workspace: { id: string; name: string; appId: string; createTime: string }
  types: TicketType[]
  states: State[]
  people: Person[]
}

export interface Contact {
  id: string
  name: string
  email: string
  kind: 'user' | 'visitor' | 'unverified'
  /** The workspace's own id for them; empty for a visitor. */
  userId: string
}

export interface Ticket {
  id: string
  number: number
  typeId: string
  typeName: string
  title: string
  description: string
  state: State
  open: boolean
  requesterIds: string[]
  assigneeId: string
  conversationId: string
  version: string
  createTime: string
  updateTime: string
  shared: boolean
  shareable: boolean
}

export interface Row {
  ticket: Ticket
  requester: Contact | undefined
}

export interface Conversation {
  id: string
  closed: boolean
  headSeq: number
  preview: string
  createTime: string
  updateTime: string
}

export interface Part {
  id: string
  seq: number
  kind: 'message' | 'note' | 'ticket' | 'state'
  author: 'contact' | 'team' | 'bot' | 'system'
  authorId: string
  authorName: string
  body: string
  ticket: { id: string; revision: string; stateId: string; category: Category } | undefined
  closed: boolean
  time: string
}

export type Happening =
  | 'created'
  | 'state'
  | 'edited'
  | 'linked'
  | 'unlinked'
  | 'deleted'
  | 'shared'
  | 'unshared'
  | 'closed'
  | 'reopened'
  | 'assigned'

export interface Entry {
  kind: Happening
  version: string
  revision: string
  fromStateId: string
  toStateId: string
  actorId: string
  time: string
  visible: boolean
}

const text = (value: string | undefined) => value ?? ''

export const state = (json: tickets.TicketStateJson | undefined): State => ({
  id: text(json?.stateId),
  category: category(json?.category),
  internal: text(json?.internalLabel),
  customer: text(json?.customerLabel),
  archived: json?.archived ?? false
})

const ROLES: Partial<Record<settings.RoleJson, Role>> = { ROLE_ADMIN: 'admin', ROLE_AGENT: 'agent' }

export const team = (json: bff.GetConsoleResponseJson): Team => ({
  me: {
    id: text(json.teammate?.teammateId),
    name: text(json.teammate?.name),
    email: text(json.teammate?.email),
    role: ROLES[json.teammate?.role ?? 'ROLE_VIEWER'] ?? 'viewer'
  },
  workspace: {
    id: text(json.workspace?.workspaceId),
    name: text(json.workspace?.name),
    appId: text(json.workspace?.appId),
    createTime: text(json.workspace?.createTime)
  },
  types: (json.types ?? []).map((type) => ({
    id: text(type.typeId),
    name: text(type.name),
    customer: type.category === 'TYPE_CATEGORY_CUSTOMER',
    stateIds: type.stateIds ?? [],
    archived: type.archived ?? false
  })),
  states: (json.states ?? []).map(state),
  people: (json.teammates ?? []).map((one) => ({
    id: text(one.teammateId),
    name: text(one.name),
    active: one.active ?? false
  }))
})

const KINDS: Partial<Record<settings.ContactKindJson, Contact['kind']>> = {
  CONTACT_KIND_USER: 'user',
  CONTACT_KIND_VISITOR: 'visitor'
}

export const contact = (json: bff.ConsoleContactJson): Contact => ({
  id: text(json.contactId),
  name: text(json.name),
  email: text(json.email),
  kind: KINDS[json.kind ?? 'CONTACT_KIND_UNSPECIFIED'] ?? 'unverified',
  userId: text(json.userId)
})

export const ticket = (json: tickets.TicketJson | undefined): Ticket => ({
  id: text(json?.ticketId),
  number: Number(json?.number ?? 0),
  typeId: text(json?.typeId),
  typeName: text(json?.typeName),
  title: text(json?.title),
  description: text(json?.description),
  state: state(json?.state),
  open: json?.open ?? false,
  requesterIds: json?.requesterContactIds ?? [],
  assigneeId: text(json?.assigneeTeammateId),
  conversationId: text(json?.conversationId),
  version: json?.version ?? '0',
  createTime: text(json?.createTime),
  updateTime: text(json?.updateTime),
  shared: json?.shared ?? false,
  shareable: json?.shareable ?? false
})

export const row = (json: bff.InboxTicketJson): Row => ({
  ticket: ticket(json.ticket),
  requester: json.requester && contact(json.requester)
})

export const conversation = (json: conversations.ConversationJson): Conversation => ({
  id: text(json.conversationId),
  closed: json.state === 'CONVERSATION_STATE_CLOSED',
  headSeq: Number(json.headSeq ?? 0),
  preview: text(json.preview),
  createTime: text(json.createTime),
  updateTime: text(json.updateTime)
})

const PARTS: Partial<Record<conversations.PartKindJson, Part['kind']>> = {
  PART_KIND_MESSAGE: 'message',
  PART_KIND_NOTE: 'note',
  PART_KIND_TICKET_EVENT: 'ticket',
  PART_KIND_STATE_EVENT: 'state'
}
const AUTHORS: Partial<Record<conversations.AuthorKindJson, Part['author']>> = {
  AUTHOR_KIND_CONTACT: 'contact',
  AUTHOR_KIND_TEAMMATE: 'team',
  AUTHOR_KIND_BOT: 'bot'
}

/** Nothing for a kind that a later server may add. */
export function part(json: conversations.PartJson | undefined): Part | undefined {
  const kind = PARTS[json?.kind ?? 'PART_KIND_UNSPECIFIED']
  if (!json || !kind) return undefined
  return {
    id: text(json.partId),
    seq: Number(json.seq ?? 0),
    kind,
    author: AUTHORS[json.authorKind ?? 'AUTHOR_KIND_SYSTEM'] ?? 'system',
    authorId: text(json.authorId),
    authorName: text(json.authorName),
    body: text(json.body),
    ticket: json.ticket && {
      id: text(json.ticket.ticketId),
      revision: json.ticket.revision ?? '0',
      stateId: text(json.ticket.stateId),
      category: category(json.ticket.category)
    },
    closed: json.state === 'CONVERSATION_STATE_CLOSED',
    time: text(json.createTime)
  }
}

const HAPPENINGS: Partial<Record<tickets.HistoryKindJson, Happening>> = {
  HISTORY_KIND_CREATED: 'created',
  HISTORY_KIND_STATE_CHANGED: 'state',
  HISTORY_KIND_EDITED: 'edited',
  HISTORY_KIND_LINKED: 'linked',
  HISTORY_KIND_UNLINKED: 'unlinked',
  HISTORY_KIND_DELETED: 'deleted',
  HISTORY_KIND_SHARED: 'shared',
  HISTORY_KIND_UNSHARED: 'unshared',
  HISTORY_KIND_CLOSED: 'closed',
  HISTORY_KIND_REOPENED: 'reopened',
  HISTORY_KIND_ASSIGNED: 'assigned'
}

/** Nothing for a kind that a later server may add. */
export function entry(json: tickets.HistoryEntryJson): Entry | undefined {
  const kind = HAPPENINGS[json.kind ?? 'HISTORY_KIND_UNSPECIFIED']
  return (
    kind && {
      kind,
      version: json.version ?? '0',
      revision: json.revision ?? '0',
      fromStateId: text(json.fromStateId),
      toStateId: text(json.toStateId),
      actorId: text(json.actorId),
      time: text(json.time),
      visible: json.visibleToCustomer ?? false
    }
  )
}
