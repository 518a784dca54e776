import { useApp } from '../context'
import { t } from '../i18n'
import type { Conversation, Pill, TicketRow } from '../model'
import { Ago, Avatar, Chip, Unread } from './parts'

/** A ticket on the card or in the list; the whole row is one button. */
export function TicketRowButton({ ticket, compact }: { ticket: TicketRow; compact?: boolean }) {
  const app = useApp()
  const row = `${compact ? 'card' : 'list'}-${ticket.id}`
  const number = compact ? '' : `#${ticket.number} · `
  return (
    <button
      type="button"
      class={ticket.unread ? 'row unread' : 'row'}
      data-row={row}
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
      {ticket.unread && <Unread text={t('unread_update')} />}
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
  return (
    <button
      type="button"
      class={conversation.unread ? 'row unread' : 'row'}
      data-row={row}
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
      {conversation.unread && <Unread text={t('unread')} />}
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
