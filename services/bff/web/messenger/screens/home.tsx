import { useApp } from '../context'
import { t } from '../i18n'
import type { Screen } from '../state/route'
import { Icon, type IconName } from '../ui/icon'
import { Corner, Problem, Skeleton, Title } from '../ui/parts'
import { ConversationRow, TicketRowButton } from '../ui/rows'

/** Greeting, ways to begin, and what is going on. */
export function HomeScreen() {
  const app = useApp()
  const home = app.home.value
  const problem = app.homeFailure.value
  if (!home)
    return (
      <div class="screen home">
        <div class="greeting">
          <Title>{t('help')}</Title>
          <Corner />
        </div>
        <div class="scroll">
          {problem ? (
            <Problem text={t('error.home')} failure={problem} again={app.loadHome} />
          ) : (
            <Skeleton rows={2} kind="block" />
          )}
        </div>
      </div>
    )
  return (
    <div class="screen home">
      <div class="greeting">
        <Title>
          <span class="hi" dir="auto">
            {home.name ? t('hi', { name: home.name.split(' ')[0] ?? home.name }) : t('hi.nameless')}
          </span>{' '}
          <span class="help">{t('help')}</span>
        </Title>
        <Corner />
      </div>
      <div class="scroll cards">
        {home.degraded && (
          <section class="card">
            <Problem small text={t('error.card')} failure={{ kind: 'network', ref: '' }} again={app.loadHome} />
          </section>
        )}
        {home.card.length > 0 && (
          <section class="card" aria-labelledby="recent-tickets">
            <h2 id="recent-tickets">{t('recent_tickets')}</h2>
            <ul class="rows">
              {home.card.map((ticket) => (
                <li key={ticket.id}>
                  <TicketRowButton ticket={ticket} compact />
                </li>
              ))}
            </ul>
            <button type="button" class="more" onClick={() => app.tell({ type: 'tab', tab: 'tickets' })}>
              {t('see_all')}
              <Icon name="forward" size={16} />
            </button>
          </section>
        )}
        {home.recent && !home.recent.closed && (
          <section class="card" aria-labelledby="recent-message">
            <h2 id="recent-message">{t('recent_message')}</h2>
            <ConversationRow conversation={home.recent} />
          </section>
        )}
        <Begin screen={{ name: 'new' }} icon="send" text={t('send_us')} hint={t('send_us.hint')} />
        <Begin screen={{ name: 'submit' }} icon="plus" text={t('submit.card')} hint={t('submit.card.hint')} />
      </div>
    </div>
  )
}

function Begin(props: { screen: Screen; icon: IconName; text: string; hint: string }) {
  const app = useApp()
  const row = `begin-${props.screen.name}`
  return (
    <button
      type="button"
      class="card begin"
      data-row={row}
      onClick={() => app.tell({ type: 'push', screen: props.screen, from: row })}
    >
      <span>
        <b>{props.text}</b>
        <small>{props.hint}</small>
      </span>
      <Icon name={props.icon} />
    </button>
  )
}
