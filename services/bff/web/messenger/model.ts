/**
 * What the Messenger works with. The wire leaves out whatever is empty and writes 64-bit numbers as text;
 * that is put right here and nowhere else.
 */
import type * as pb from '../gen/messenger/bff/v1/types_pb'
import type { StateCategoryJson } from '../gen/messenger/tickets/v1/types_pb'

export type Category = 'submitted' | 'in_progress' | 'waiting' | 'resolved'

export interface TicketState {
  category: Category
  /** The workspace's words. */
  label: string
}

export interface Token {
  epoch: bigint
  contact: bigint
  settings: bigint
}

/** A ticket on a card, a row or a conversation. */
export interface TicketRow {
  id: string
  number: number
  title: string
  type: string
  state: TicketState
  /** Of the last update on the card, of the last activity in the list. */
  time: string
  createTime: string
  unread: boolean
  revision: number
}

export interface Pill {
  id: string
  number: number
  title: string
  state: TicketState
}

export interface Author {
  kind: 'contact' | 'team' | 'bot' | 'system'
  name: string
  me: boolean
}

export interface Conversation {
  id: string
  closed: boolean
  preview: string
  author: Author | undefined
  time: string
  unread: boolean
  ticket: Pill | undefined
  headSeq: number
  readSeq: number
}

export interface Home {
  name: string
  contactId: string
  /** Somebody who has not said who they are. */
  visitor: boolean
  tabs: Tab[]
  /** Absent: not to be had, or the space does not show. */
  badges: { tickets: number | undefined; messages: number | undefined }
  card: TicketRow[]
  recent: Conversation | undefined
  token: Token
  wire: pb.HomeTokenJson
  ticketsVersion: string
  conversationsVersion: string
  /** Badges, card and Tickets space are unknown, not empty. */
  degraded: boolean
}

export type Tab = 'home' | 'messages' | 'tickets'

export type Action = 'send' | 'continue' | 'view' | 'unavailable'

export interface Update {
  state: TicketState
  time: string
  revision: number
}

export interface Ticket extends TicketRow {
  description: string
  /** Newest first. */
  history: Update[]
  action: Action
  conversationId: string
}

export interface Part {
  id: string
  seq: number
  kind: 'message' | 'ticket' | 'state'
  author: Author
  body: string
  ticketId: string
  ticketState: TicketState | undefined
  closed: boolean
  time: string
}

export interface Form {
  id: string
  name: string
}

const CATEGORIES: Partial<Record<StateCategoryJson, Category>> = {
  STATE_CATEGORY_IN_PROGRESS: 'in_progress',
  STATE_CATEGORY_WAITING_ON_CUSTOMER: 'waiting',
  STATE_CATEGORY_RESOLVED: 'resolved'
}

export function state(json: pb.TicketStateJson | undefined): TicketState {
  return { category: CATEGORIES[json?.category ?? 'STATE_CATEGORY_SUBMITTED'] ?? 'submitted', label: json?.label ?? '' }
}

export function token(json: pb.HomeTokenJson | undefined): Token {
  return {
    epoch: BigInt(json?.epoch ?? 0),
    contact: BigInt(json?.contactVersion ?? 0),
    settings: BigInt(json?.settingsVersion ?? 0)
  }
}

/** Whether `next` may replace what stands at `held`: no component is older. */
export function follows(next: Token, held: Token): boolean {
  if (next.settings < held.settings || next.epoch < held.epoch) return false
  return next.epoch > held.epoch || next.contact >= held.contact
}

const TABS: Record<string, Tab> = { SPACE_HOME: 'home', SPACE_MESSAGES: 'messages', SPACE_TICKETS: 'tickets' }

export function home(json: pb.HomeJson | undefined): Home {
  const tabs = (json?.spaces ?? []).flatMap((space) => {
    const tab = TABS[space.space ?? '']
    return space.visible && tab ? [tab] : []
  })
  return {
    name: json?.identity?.name ?? '',
    contactId: json?.identity?.contactId ?? '',
    visitor: json?.identity?.kind === 'CONTACT_KIND_VISITOR',
    tabs,
    badges: { tickets: json?.badges?.tickets, messages: json?.badges?.messages },
    card: (json?.recentTickets?.tickets ?? []).map(cardRow),
    recent: json?.recentConversation ? conversation(json.recentConversation) : undefined,
    token: token(json?.token),
    wire: json?.token ?? {},
    ticketsVersion: json?.ticketsVersion ?? '',
    conversationsVersion: json?.conversationsVersion ?? '',
    degraded: json?.inboxUnavailable ?? false
  }
}

function cardRow(json: pb.CardTicketJson): TicketRow {
  const time = json.updateTime ?? ''
  return { ...pill(json), type: '', time, createTime: time, unread: json.unread ?? false, revision: 0 }
}

export function ticketRow(json: pb.TicketSummaryJson | undefined): TicketRow {
  return {
    ...pill(json ?? {}),
    type: json?.typeName ?? '',
    time: json?.activityTime ?? '',
    createTime: json?.createTime ?? '',
    unread: json?.unread ?? false,
    revision: Number(json?.revision ?? 0)
  }
}

export function pill(json: pb.TicketPillJson): Pill {
  return {
    id: json.ticketId ?? '',
    number: Number(json.number ?? 0),
    title: json.title ?? '',
    state: state(json.state)
  }
}

const ACTIONS: Partial<Record<pb.CallToActionKindJson, Action>> = {
  CALL_TO_ACTION_KIND_SEND_MESSAGE: 'send',
  CALL_TO_ACTION_KIND_CONTINUE_CONVERSATION: 'continue',
  CALL_TO_ACTION_KIND_VIEW_CONVERSATION: 'view'
}

export function ticket(json: pb.TicketDetailJson | undefined): Ticket {
  return {
    ...ticketRow(json?.summary),
    description: json?.description ?? '',
    history: (json?.history ?? [])
      .map((update) => ({
        state: state(update.state),
        time: update.time ?? '',
        revision: Number(update.revision ?? 0)
      }))
      .reverse(),
    action: ACTIONS[json?.callToAction?.kind ?? 'CALL_TO_ACTION_KIND_UNAVAILABLE'] ?? 'unavailable',
    conversationId: json?.callToAction?.conversationId ?? ''
  }
}

const KINDS: Partial<Record<pb.AuthorKindJson, Author['kind']>> = {
  AUTHOR_KIND_CONTACT: 'contact',
  AUTHOR_KIND_TEAMMATE: 'team',
  AUTHOR_KIND_BOT: 'bot'
}

export function author(json: pb.AuthorJson | undefined): Author {
  return {
    kind: KINDS[json?.kind ?? 'AUTHOR_KIND_SYSTEM'] ?? 'system',
    name: json?.name ?? '',
    me: json?.me ?? false
  }
}

export function conversation(json: pb.ConversationSummaryJson | undefined): Conversation {
  return {
    id: json?.conversationId ?? '',
    closed: json?.state === 'CONVERSATION_STATE_CLOSED',
    preview: json?.preview ?? '',
    author: json?.author && author(json.author),
    time: json?.activityTime ?? '',
    unread: json?.unread ?? false,
    ticket: json?.ticket && pill(json.ticket),
    headSeq: Number(json?.headSeq ?? 0),
    readSeq: Number(json?.readSeq ?? 0)
  }
}

const PARTS: Partial<Record<pb.PartKindJson, Part['kind']>> = {
  PART_KIND_MESSAGE: 'message',
  PART_KIND_TICKET_EVENT: 'ticket',
  PART_KIND_STATE_EVENT: 'state'
}

/** Nothing for a kind that a later server may add. */
export function part(json: pb.PartJson | undefined): Part | undefined {
  const kind = PARTS[json?.kind ?? 'PART_KIND_UNSPECIFIED']
  if (!json || !kind) return undefined
  return {
    id: json.partId ?? '',
    seq: Number(json.seq ?? 0),
    kind,
    author: author(json.author),
    body: json.body ?? '',
    ticketId: json.ticketId ?? '',
    ticketState: json.ticketState && state(json.ticketState),
    closed: json.state === 'CONVERSATION_STATE_CLOSED',
    time: json.createTime ?? ''
  }
}
