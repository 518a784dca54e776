/** The ticket that is open. */
import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { t } from '../i18n'
import { CATEGORIES, type State, type Team, type Ticket } from '../model'
import { inbox } from '../place'
import { Icon } from '../ui/icon'
import { Chip, Link, nameOf, Problem, Skeleton, Title, Wrong } from '../ui/parts'
import { Composer } from './composer'
import { Side } from './side'
import { Timeline } from './timeline'

export function TicketPane() {
  const desk = useDesk()
  const { detail, failure } = desk.opened.opened.value
  const shown = useSignal(false)
  const back = inbox(desk.inbox.list.value.filter)
  if (!detail)
    return (
      <section class="pane ticket" aria-label={t('ticket')}>
        <div class="pane-head">
          <Back to={back} />
        </div>
        {failure?.kind === 'missing' ? (
          <div class="empty">
            <Title>{t('ticket.missing')}</Title>
            <Link to={back} class="button">
              {t('ticket.back')}
            </Link>
          </div>
        ) : failure ? (
          <>
            <Title class="hidden">{t('ticket')}</Title>
            <Problem text={t('ticket.failed')} why={failure} again={() => desk.reloadTicket()} />
          </>
        ) : (
          <Skeleton rows={3} kind="block" />
        )}
      </section>
    )
  const { ticket, requesters } = detail
  return (
    <section class={shown.value ? 'pane ticket with-side' : 'pane ticket'} aria-label={t('ticket')}>
      <header class="ticket-head">
        <Back to={back} />
        <div class="ticket-name">
          <Title>
            <span dir="auto">{ticket.title}</span>
          </Title>
          <p class="muted">
            #{ticket.number} · {ticket.typeName} ·{' '}
            <span dir="auto">{requesters.map(nameOf).join(', ') || t('contact.unknown')}</span>
          </p>
        </div>
        <StateSelect ticket={ticket} />
        <button
          type="button"
          class="button small show-side"
          aria-expanded={shown.value}
          aria-controls="ticket-side"
          onClick={() => (shown.value = !shown.value)}
        >
          {t(shown.value ? 'side.hide' : 'side.show')}
        </button>
      </header>
      <Side detail={detail} />
      <div class="talk">
        <Timeline />
        <Composer ticket={ticket} closed={detail.conversation?.closed ?? false} />
      </div>
    </section>
  )
}

function Back({ to }: { to: string }) {
  return (
    <Link to={to} class="round back" aria-label={t('ticket.back')}>
      <Icon name="back" />
    </Link>
  )
}

/** The states that a ticket of this type may be in, in the type's order, and the one it is in. */
export function statesOf(ticket: Ticket, team: Team | undefined): State[] {
  const ids = team?.types.find((type) => type.id === ticket.typeId)?.stateIds ?? []
  const states = ids.flatMap((id) => team?.states.find((state) => state.id === id && !state.archived) ?? [])
  return states.some((state) => state.id === ticket.state.id) ? states : [...states, ticket.state]
}

function StateSelect({ ticket }: { ticket: Ticket }) {
  const desk = useDesk()
  const { work } = desk
  const may = desk.mayWork.value
  const wished = useSignal('')
  const states = statesOf(ticket, desk.team.value)
  const problem = work.problem.value
  return (
    <div class="state">
      <label for="ticket-state" class="hidden">
        {t('state')}
      </label>
      {may ? (
        <select
          id="ticket-state"
          class={ticket.state.category}
          value={wished.value || ticket.state.id}
          disabled={work.busy.value === 'state'}
          aria-describedby="ticket-state-seen"
          onChange={async (event) => {
            const select = event.currentTarget
            wished.value = select.value
            await work.setState(ticket, select.value)
            wished.value = ''
            // what was disabled while it was busy has lost the focus
            select.focus()
          }}
        >
          {CATEGORIES.map((category) => {
            const of = states.filter((state) => state.category === category)
            return of.length ? (
              <optgroup key={category} label={t(`category.${category}`)}>
                {of.map((state) => (
                  <option key={state.id} value={state.id}>
                    {state.internal}
                  </option>
                ))}
              </optgroup>
            ) : null
          })}
        </select>
      ) : (
        <Chip state={ticket.state} />
      )}
      <p id="ticket-state-seen" class="seen">
        <Icon name={ticket.shared ? 'eye' : 'lock'} size={14} />
        <span>{ticket.shared ? t('state.seen', { state: ticket.state.customer }) : t('state.unseen')}</span>
      </p>
      <Wrong text={problem?.at === 'state' ? problem.text : undefined} />
    </div>
  )
}
