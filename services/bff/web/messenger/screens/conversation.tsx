import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { NEW } from '../app'
import { useApp } from '../context'
import { around, t } from '../i18n'
import { day } from '../i18n/time'
import type { Conversation, Part, Pill } from '../model'
import { blank, newest, type Thread } from '../state/thread'
import { Composer } from '../ui/composer'
import { Icon } from '../ui/icon'
import { EventLine, Message, Sending } from '../ui/message'
import { Chip, Header, MoreButton, Problem, Skeleton, stateLabel } from '../ui/parts'

/** Nearer to the end than this, in pixels, one is at the end. */
const NEAR = 48

export function ConversationScreen({ id }: { id: string }) {
  const app = useApp()
  const thread = app.threads.value[id] ?? blank
  useEffect(() => {
    app.change(id, { type: 'opened' })
    app.loadThread(id)
  }, [app, id])
  if (thread.failure?.kind === 'missing')
    return (
      <div class="screen">
        <Header title={t('conversation')} />
        <div class="empty">
          <Icon name="messages" size={32} />
          <p>{t('conversation.missing')}</p>
          <button type="button" class="plain" onClick={() => app.tell({ type: 'tab', tab: 'messages' })}>
            {t('back.messages')}
          </button>
        </div>
      </div>
    )
  const { conversation } = thread
  return (
    <div class="screen">
      <Header title={title(thread)} />
      {conversation?.ticket && <TicketBar ticket={conversation.ticket} />}
      <Parts id={id} thread={thread} />
      {conversation?.closed && (
        <div class="notice">
          <p>{t('conversation.closed')}</p>
          <p class="muted">{t('conversation.reopens')}</p>
        </div>
      )}
      {(thread.loaded || conversation) && <Composer id={id} />}
    </div>
  )
}

/** The first message of a conversation that is not there yet. */
export function NewScreen() {
  const app = useApp()
  const thread = app.threads.value[NEW] ?? blank
  return (
    <div class="screen">
      <Header title={t('conversation.new')} />
      <div class="scroll thread" role="log" aria-live="polite" aria-label={t('thread')}>
        {thread.outbox.length === 0 && <p class="start">{t('conversation.start.new')}</p>}
        <Outbox id={NEW} thread={thread} />
      </div>
      <Composer id={NEW} />
    </div>
  )
}

/** Who answers there, once somebody has. */
function title(thread: Thread): string {
  const answered = [...thread.parts].reverse().find((part) => part.kind === 'message' && !part.author.me)
  const name = answered?.author.name
  return name ? name : t('team')
}

function TicketBar({ ticket }: { ticket: Pill }) {
  const app = useApp()
  return (
    <div class="ticket-bar">
      <span class="pill">
        <Chip state={ticket.state} />
        <span class="pill-title" dir="auto">
          {ticket.title}
        </span>
      </span>
      <button
        type="button"
        class="plain"
        data-row="ticket-bar"
        aria-label={`${t('view_ticket')}: ${ticket.title}`}
        onClick={() => app.tell({ type: 'push', screen: { name: 'ticket', id: ticket.id }, from: 'ticket-bar' })}
      >
        {t('view_ticket')}
      </button>
    </div>
  )
}

function Parts({ id, thread }: { id: string; thread: Thread }) {
  const app = useApp()
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useSignal(true)
  const looking = app.looking.value
  const last = newest(thread)
  const first = thread.parts[0]?.seq ?? 0
  const height = useRef(0)
  const mine = thread.outbox.length
  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    if (atEnd.value) element.scrollTop = element.scrollHeight
    // earlier ones came in above: what was in sight stays there
    else if (height.current) element.scrollTop += element.scrollHeight - height.current
    height.current = 0
  }, [last, first, mine, thread.loaded, atEnd])
  useEffect(() => {
    if (mine && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [mine])
  // a receipt names what was on the screen: the end, and only while somebody looks at it
  const seen = looking && atEnd.value ? last : 0
  useEffect(() => {
    if (seen) app.readConversation(id, seen)
  }, [app, id, seen])
  const older = () => {
    height.current = box.current?.scrollHeight ?? 0
    app.loadOlder(id)
  }
  if (!thread.loaded && !thread.outbox.length)
    return (
      <div class="scroll thread">
        {thread.failure ? (
          <Problem text={t('error.conversation')} failure={thread.failure} again={() => app.loadThread(id)} />
        ) : (
          <Skeleton rows={4} kind="bubble" />
        )}
      </div>
    )
  const messages = thread.parts.some((part) => part.kind === 'message')
  return (
    <>
      {thread.failure && thread.failure.kind !== 'network' && (
        <Problem small text={t('error.conversation')} failure={thread.failure} again={() => app.loadThread(id)} />
      )}
      <div class="thread-frame">
        <div
          class="scroll thread"
          ref={box}
          role="log"
          aria-live="polite"
          aria-relevant="additions"
          aria-label={t('thread')}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          onScroll={(event) => {
            const { scrollHeight, scrollTop, clientHeight } = event.currentTarget
            atEnd.value = scrollHeight - scrollTop - clientHeight < NEAR
          }}
        >
          {thread.older && (
            <MoreButton busy={thread.busy === 'older'} text={t('conversation.older')} more={older} then="[role=log]" />
          )}
          {!messages && !thread.outbox.length && !thread.older && <Start conversation={thread.conversation} />}
          <Days thread={thread} />
          <Outbox id={id} thread={thread} />
        </div>
        {!atEnd.value && last > thread.newAfter && (
          <button
            type="button"
            class="jump"
            onClick={() => {
              if (box.current) box.current.scrollTop = box.current.scrollHeight
            }}
          >
            {t('conversation.jump')} <Icon name="down" size={16} />
          </button>
        )}
      </div>
    </>
  )
}

function Start({ conversation }: { conversation: Conversation | undefined }) {
  if (!conversation?.ticket) return <p class="start">{t('conversation.start.new')}</p>
  const [before, after] = around('conversation.start', 'title')
  return (
    <p class="start">
      {before}
      <b dir="auto">{conversation.ticket.title}</b>
      {after}
    </p>
  )
}

function Days({ thread }: { thread: Thread }) {
  const rows: preact.ComponentChild[] = []
  let lastDay = ''
  let marked = thread.newAfter <= 0
  let before: Part | undefined
  let told = false
  let mine = false
  for (const part of thread.parts) {
    const today = day(part.time)
    if (today !== lastDay) {
      rows.push(
        <p key={`day-${part.seq}`} class="day">
          {today}
        </p>
      )
      before = undefined
    }
    lastDay = today
    // one's own words are no news, nor what they have set off: a conversation that is open again, a ticket that moved
    if (part.kind === 'message') mine = part.author.me
    if (!marked && part.seq > thread.newAfter && !mine) {
      marked = true
      rows.push(
        <p key="new" class="new-line">
          <span>{t('conversation.new_line')}</span>
        </p>
      )
    }
    if (part.kind === 'message') rows.push(<Message key={part.seq} part={part} after={before} />)
    else if (part.kind === 'ticket' && part.ticketState?.category === 'submitted' && !told && !thread.older) {
      // the first of all is the ticket itself
      told = true
      rows.push(<EventLine key={part.seq} part={part} text="history.created" />)
    } else if (part.kind === 'ticket' && part.ticketState)
      rows.push(
        <EventLine key={part.seq} part={part} text="conversation.event" status={stateLabel(part.ticketState)} />
      )
    else if (part.kind === 'state')
      rows.push(
        <EventLine
          key={part.seq}
          part={part}
          text={part.closed ? 'conversation.event.closed' : 'conversation.event.open'}
        />
      )
    before = part.kind === 'message' ? part : undefined
  }
  return <>{rows}</>
}

function Outbox({ id, thread }: { id: string; thread: Thread }) {
  const app = useApp()
  return (
    <>
      {thread.outbox.map((message) => (
        <Sending key={message.requestId} message={message} again={() => app.deliver(id, message)} />
      ))}
    </>
  )
}
