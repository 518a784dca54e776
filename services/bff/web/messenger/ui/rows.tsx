import { useApp } from '../context'
import { t } from '../i18n'
import { relative } from '../i18n/time'
import type { Conversation, Pill, TicketRow } from '../model'
import { Ago, Avatar, Chip, rowName, stateLabel, Unread } from './parts'

/** A ticket on the card or in the list; the whole row is one button. */
export function TicketRowButton({ ticket, compact }: { ticket: TicketRow; compact?: boolean }) {
  const app = useApp()
  const row = `${compact ? 'card' : 'list'}-${ticket.id}`
  const number = compact ? '' : `#${ticket.number} · `
  // what is seen, in its order, so that what one reads is what one says to a voice control
  const name = rowName(
    ticket.title,
    stateLabel(ticket.state),
    number + relative(ticket.time),
    ticket.unread && t('unread_update')
  )
  return (
    <button
      type="button"
      class={ticket.unread ? 'row unread' : 'row'}
      data-row={row}
      aria-label={name}
      onClick={() => app.tell({ type: 'push', screen: { name: 'ticket', id: ticket.id }, from: row })}
    >
      <span class="row-main">
        <span class="row-title" dir="auto">
          {ticket.title}
        </span>
        <span class="row-meta">
          <Chip state={ticket.state} />
          <span class="muted">
            {number}
            <Ago time={ticket.time} />
          </span>
        </span>
      </span>
      {ticket.unread && <Unread />}
    </button>
  )
}

/** Who the other side is: ourselves are nobody's news. */
export function other(conversation: Conversation): string {
  const { author } = conversation
  return author && !author.me && author.name ? author.name : t('team')
}

export function ConversationRow({ conversation }: { conversation: Conversation }) {
  const app = useApp()
  const row = `list-${conversation.id}`
  const title = other(conversation)
  const preview = conversation.author?.me ? t('you', { text: conversation.preview }) : conversation.preview
  const name = rowName(
    title,
    relative(conversation.time),
    preview,
    conversation.ticket &&
      `${stateLabel(conversation.ticket.state)} #${conversation.ticket.number} ${conversation.ticket.title}`,
    conversation.unread && t('unread')
  )
  return (
    <button
      type="button"
      class={conversation.unread ? 'row unread' : 'row'}
      data-row={row}
      aria-label={name}
      onClick={() => app.tell({ type: 'push', screen: { name: 'conversation', id: conversation.id }, from: row })}
    >
      <Avatar name={title} />
      <span class="row-main">
        <span class="row-head">
          <span class="row-title" dir="auto">
            {title}
          </span>
          <span class="muted">
            <Ago time={conversation.time} />
          </span>
        </span>
        {preview && (
          <span class="row-preview" dir="auto">
            {preview}
          </span>
        )}
        {conversation.ticket && <PillLine ticket={conversation.ticket} />}
      </span>
      {conversation.unread && <Unread />}
    </button>
  )
}

/** The ticket that a conversation is about. */
export function PillLine({ ticket }: { ticket: Pill }) {
  return (
    <span class="pill">
      <Chip state={ticket.state} />
      <span class="pill-title" dir="auto">
        #{ticket.number} {ticket.title}
      </span>
    </span>
  )
}
