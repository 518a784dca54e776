/** One conversation as it is read and written. Pure. */
import type { ThreadPage } from '../api'
import type { Conversation, Part } from '../model'
import type { Failure } from './failure'

/** A message on its way. */
export interface Outgoing {
  /** Makes sending it again safe. */
  requestId: string
  body: string
  state: 'sending' | 'waiting' | 'failed'
}

export interface Thread {
  conversation: Conversation | undefined
  /** Oldest first, by `seq`. */
  parts: Part[]
  outbox: Outgoing[]
  /** Token of the page before what is held; empty at the beginning. */
  older: string
  loaded: boolean
  busy: 'no' | 'refresh' | 'older'
  failure: Failure | undefined
  /** What had been read when the screen was opened: the "New" line stands behind it. */
  newAfter: number
}

export type ThreadEvent =
  | { type: 'opened' }
  | { type: 'refresh' }
  | { type: 'older' }
  | { type: 'page'; page: ThreadPage }
  | { type: 'failed'; failure: Failure }
  | { type: 'write'; requestId: string; body: string }
  | { type: 'sending'; requestId: string }
  | { type: 'sent'; requestId: string; part: Part | undefined }
  | { type: 'unsent'; requestId: string; state: 'waiting' | 'failed' }

export const blank: Thread = {
  conversation: undefined,
  parts: [],
  outbox: [],
  older: '',
  loaded: false,
  busy: 'no',
  failure: undefined,
  newAfter: -1
}

export function reduce(thread: Thread, event: ThreadEvent): Thread {
  switch (event.type) {
    case 'opened':
      return { ...thread, newAfter: thread.loaded ? (thread.conversation?.readSeq ?? 0) : -1 }
    case 'refresh':
    case 'older':
      return { ...thread, busy: event.type }
    case 'page':
      return page(thread, event.page)
    case 'failed':
      return { ...thread, busy: 'no', failure: event.failure }
    case 'write':
      return {
        ...thread,
        outbox: [...thread.outbox, { requestId: event.requestId, body: event.body, state: 'sending' }]
      }
    case 'sending':
      return { ...thread, outbox: mark(thread.outbox, event.requestId, 'sending') }
    case 'unsent':
      return { ...thread, outbox: mark(thread.outbox, event.requestId, event.state) }
    case 'sent':
      return {
        ...thread,
        outbox: thread.outbox.filter((message) => message.requestId !== event.requestId),
        parts: event.part ? merge(thread.parts, [event.part]) : thread.parts
      }
  }
}

/** Newest place in the thread that is shown; 0 when there is none. A receipt names it. */
export function newest(thread: Thread): number {
  return thread.parts[thread.parts.length - 1]?.seq ?? 0
}

/** The next message to send: in order, and not past one that is on its way or failed. */
export function nextToSend(thread: Thread): Outgoing | undefined {
  const first = thread.outbox.find((message) => message.state !== 'failed')
  return first?.state === 'waiting' ? first : undefined
}

function page(thread: Thread, { conversation, parts, older }: ThreadPage): Thread {
  const common = {
    ...thread,
    conversation,
    loaded: true,
    busy: 'no' as const,
    failure: undefined,
    newAfter: thread.newAfter < 0 ? conversation.readSeq : thread.newAfter
  }
  if (thread.busy === 'older') return { ...common, parts: merge(parts, thread.parts), older }
  const first = parts[0]?.seq ?? 0
  // more came than one page holds: what is in between is not known, so what was held is let go
  const gap = first > newest(thread) + 1
  if (gap || !thread.parts.length) return { ...common, parts, older }
  return { ...common, parts: merge(thread.parts, parts) }
}

/** Parts never change, and `seq` is dense: by place, each once. */
function merge(some: Part[], others: Part[]): Part[] {
  const bySeq = new Map([...some, ...others].map((part) => [part.seq, part]))
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq)
}

function mark(outbox: Outgoing[], requestId: string, state: Outgoing['state']): Outgoing[] {
  return outbox.map((message) => (message.requestId === requestId ? { ...message, state } : message))
}
