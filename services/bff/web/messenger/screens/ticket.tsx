import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { Words } from '../../kit/text'
import { useApp } from '../context'
import { around, t } from '../i18n'
import { full, moment } from '../i18n/time'
import type { Ticket } from '../model'
import type { Failure } from '../state/failure'
import { steps } from '../state/steps'
import { Icon } from '../ui/icon'
import { Ago, BackButton, Chip, Corner, Problem, Skeleton, stateLabel, Title, useBack } from '../ui/parts'

/** Shown for so long, a ticket counts as seen; in milliseconds. */
const SEEN = 1_000
/** Updates shown before "Show earlier". */
const UPDATES = 5

const ABOUT = {
  submitted: 'about.submitted',
  in_progress: 'about.in_progress',
  waiting: 'about.waiting',
  resolved: 'about.resolved'
} as const

export function TicketScreen({ id }: { id: string }) {
  const app = useApp()
  const detail = app.details.value[id]
  const back = useBack()
  const ticket = detail?.ticket
  useEffect(() => {
    app.loadTicket(id)
  }, [app, id])
  const revision = ticket?.revision ?? 0
  const looking = app.looking.value
  useEffect(() => {
    if (!looking || !revision) return
    const timer = setTimeout(() => app.readTicket(id, revision), SEEN)
    return () => clearTimeout(timer)
  }, [app, id, revision, looking])
  return (
    <div class="screen ticket">
      <header class="bar">
        <BackButton />
        <div class="bar-title" />
        <Corner />
      </header>
      {ticket && detail.failure && detail.failure.kind !== 'network' && (
        <Problem small text={t('error.ticket')} failure={detail.failure} again={() => app.loadTicket(id)} />
      )}
      {ticket ? (
        <Shown ticket={ticket} />
      ) : (
        <div class="scroll">
          {detail?.failure?.kind === 'missing' ? (
            <div class="empty">
              <Icon name="tickets" size={32} />
              <Title>{t('ticket.missing')}</Title>
              <button type="button" class="plain" onClick={() => app.tell({ type: 'back' })}>
                {back}
              </button>
            </div>
          ) : detail?.failure ? (
            <Problem text={t('error.ticket')} failure={detail.failure} again={() => app.loadTicket(id)} />
          ) : (
            <Skeleton rows={3} kind="block" />
          )}
        </div>
      )}
    </div>
  )
}

function Shown({ ticket }: { ticket: Ticket }) {
  const app = useApp()
  const all = useSignal(false)
  const shown = all.value ? ticket.history : ticket.history.slice(0, UPDATES)
  const list = useRef<HTMLOListElement>(null)
  useLayoutEffect(() => {
    // the button is gone: who pressed it goes on where the new ones begin
    if (all.value) (list.current?.children[UPDATES] as HTMLElement | undefined)?.focus({ preventScroll: true })
  }, [all.value])
  return (
    <>
      <div class="scroll">
        <div class="ticket-head">
          <Title>
            <span dir="auto">{ticket.title}</span>
          </Title>
          <p class="muted">
            #{ticket.number} · <span dir="auto">{ticket.type}</span>
          </p>
          <Chip state={ticket.state} />
          <p>{t(ABOUT[ticket.state.category])}</p>
        </div>
        <Stepper ticket={ticket} />
        <section aria-labelledby="details">
          <h2 id="details">{t('details')}</h2>
          <dl>
            {ticket.description && (
              <>
                <dt>{t('description')}</dt>
                <dd dir="auto" class="words">
                  <Words text={ticket.description} />
                </dd>
              </>
            )}
            <dt>{t('created')}</dt>
            <dd>
              <time dateTime={ticket.createTime} title={full(ticket.createTime)}>
                {moment(ticket.createTime)}
              </time>
            </dd>
          </dl>
        </section>
        <section aria-labelledby="history">
          <h2 id="history">{t('history')}</h2>
          <ol class="history" ref={list}>
            {shown.map((update) => {
              const [before, after] = around('history.changed', 'status')
              // the first of all updates is the ticket itself
              const first = update === ticket.history[ticket.history.length - 1]
              return (
                <li key={update.revision} class={update.state.category} tabIndex={-1}>
                  <span>
                    {first ? (
                      t('history.created')
                    ) : (
                      <>
                        {before}
                        <b dir="auto">{stateLabel(update.state)}</b>
                        {after}
                      </>
                    )}
                  </span>
                  <span class="muted">
                    {/* it may have been shared long after */}
                    <Ago time={first ? ticket.createTime : update.time} />
                  </span>
                </li>
              )
            })}
          </ol>
          {shown.length < ticket.history.length && (
            <button
              type="button"
              class="plain"
              onClick={() => {
                all.value = true
              }}
            >
              {t('history.more')}
            </button>
          )}
        </section>
      </div>
      <CallToAction ticket={ticket} key={app.connection.value.offline} />
    </>
  )
}

function Stepper({ ticket }: { ticket: Ticket }) {
  return (
    <ol class="steps" aria-label={t('progress')}>
      {steps(ticket).map((step) => {
        const label = stateLabel(step.state)
        const words = t(`step.${step.at}`, { label })
        return (
          <li
            key={step.state.category === 'waiting' ? 'in_progress' : step.state.category}
            class={`${step.at} ${step.state.category}`}
            {...(step.at === 'current' && { 'aria-current': 'step' })}
          >
            <span class="mark" aria-hidden="true">
              {step.at === 'done' && <Icon name="check" size={14} />}
            </span>
            <span class="hidden">{step.time ? `${words}, ${moment(step.time)}` : words}</span>
            <span class="step-label" aria-hidden="true" dir="auto">
              {label}
            </span>
            <span class="step-time" aria-hidden="true">
              {step.time ? moment(step.time) : ''}
            </span>
          </li>
        )
      })}
    </ol>
  )
}

const LABELS = { send: 'cta.send', continue: 'cta.continue', view: 'cta.view' } as const

/** The way into the ticket's conversation. */
function CallToAction({ ticket }: { ticket: Ticket }) {
  const app = useApp()
  const problem = useSignal<Failure>()
  const busy = useSignal(false)
  const { action } = ticket
  if (action === 'unavailable')
    return (
      <div class="foot">
        <p class="muted centred">{t('cta.unavailable')}</p>
      </div>
    )
  // a conversation that was read before can be read without a network
  const unreachable =
    app.connection.value.offline && !(ticket.conversationId && app.threads.value[ticket.conversationId]?.loaded)
  const go = async () => {
    busy.value = true
    problem.value = await app.openConversationOf(ticket, 'cta')
    busy.value = false
  }
  return (
    <div class="foot">
      {problem.value && <Problem small text={t('error.open')} failure={problem.value} again={go} />}
      {unreachable && (
        <p class="muted centred" id="cta-why">
          {t('cta.offline')}
        </p>
      )}
      <button
        type="button"
        class={action === 'view' ? 'action outline' : 'action'}
        data-row="cta"
        disabled={unreachable || busy.value}
        {...(unreachable && { 'aria-describedby': 'cta-why' })}
        onClick={go}
      >
        {t(LABELS[action])}
      </button>
    </div>
  )
}
