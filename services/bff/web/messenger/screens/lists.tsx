import { useEffect, useRef } from 'preact/hooks'
import { useApp } from '../context'
import { t } from '../i18n'
import type { List } from '../state/list'
import { Icon } from '../ui/icon'
import { useOrder } from '../ui/order'
import { Header, MoreButton, Problem, Skeleton } from '../ui/parts'
import { ConversationRow, TicketRowButton } from '../ui/rows'

/** The Messages space: every conversation, newest activity first. */
export function MessagesScreen() {
  const app = useApp()
  const conversations = app.conversations.value
  const list = useOrder<HTMLUListElement>()
  useEffect(() => {
    app.loadConversations()
  }, [app])
  return (
    <div class="screen">
      <Header title={t('messages')} />
      <div class="scroll">
        <Body list={conversations} rows={5} text={t('error.messages')} again={() => app.loadConversations()}>
          {conversations.loaded && !conversations.rows.length ? (
            <div class="empty">
              <Icon name="messages" size={32} />
              <h2>{t('messages.empty')}</h2>
              <p>{t('messages.empty.hint')}</p>
            </div>
          ) : (
            <ul class="rows" ref={list}>
              {conversations.rows.map((conversation) => (
                <li key={conversation.id}>
                  <ConversationRow conversation={conversation} />
                </li>
              ))}
            </ul>
          )}
        </Body>
        <More list={conversations} more={() => app.loadConversations(true)} />
      </div>
      <div class="foot floating">
        <button
          type="button"
          class="action"
          data-row="new"
          onClick={() => app.tell({ type: 'push', screen: { name: 'new' }, from: 'new' })}
        >
          {t('send_us')}
          <Icon name="send" size={18} />
        </button>
      </div>
    </div>
  )
}

/** The Tickets space: every ticket, newest activity first. */
export function TicketsScreen() {
  const app = useApp()
  const tickets = app.tickets.value
  const list = useOrder<HTMLUListElement>()
  useEffect(() => {
    app.loadTickets()
  }, [app])
  const hidden = tickets.loaded && !tickets.rows.length
  useEffect(() => {
    // the space shows only to those who have tickets; a list without any has lost a race
    if (hidden) app.loadHome()
  }, [app, hidden])
  return (
    <div class="screen">
      <Header title={t('tickets')} />
      <div class="scroll">
        <Body list={tickets} rows={4} text={t('error.tickets')} again={() => app.loadTickets()}>
          <ul class="rows" ref={list}>
            {tickets.rows.map((ticket) => (
              <li key={ticket.id}>
                <TicketRowButton ticket={ticket} />
              </li>
            ))}
          </ul>
        </Body>
        <More list={tickets} more={() => app.loadTickets(true)} />
      </div>
      <div class="foot floating">
        <button
          type="button"
          class="action"
          data-row="submit"
          onClick={() => app.tell({ type: 'push', screen: { name: 'submit' }, from: 'submit' })}
        >
          {t('submit.card')}
          <Icon name="plus" size={18} />
        </button>
      </div>
    </div>
  )
}

/** Old rows stay while new ones are fetched; grey shapes are for the first time alone. */
function Body<T>(props: {
  list: List<T>
  rows: number
  text: string
  again: () => unknown
  children: preact.ComponentChildren
}) {
  const { list, rows, text, again, children } = props
  if (list.loaded)
    return (
      <>
        {list.failure && list.failure.kind !== 'network' && (
          <Problem small text={text} failure={list.failure} again={again} />
        )}
        {children}
      </>
    )
  // it stays while it is tried again, and with it who pressed the button
  if (list.failure) return <Problem text={text} failure={list.failure} again={again} />
  return <Skeleton rows={rows} />
}

/** The next page comes by itself when the end comes into sight; the button is for those who do not scroll. */
function More<T>({ list, more }: { list: List<T>; more: () => unknown }) {
  const button = useRef<HTMLButtonElement>(null)
  const next = list.failure ? '' : list.next
  useEffect(() => {
    const shown = button.current
    if (!shown || !next) return
    const watching = new IntersectionObserver((seen) => {
      if (seen.some((entry) => entry.isIntersecting)) more()
    })
    watching.observe(shown)
    return () => watching.disconnect()
  }, [next, more])
  if (!list.next) return null
  return (
    <MoreButton
      busy={list.busy === 'more'}
      text={t('load_more')}
      more={more}
      then=".rows li:last-child [data-row]"
      at={button}
    />
  )
}
