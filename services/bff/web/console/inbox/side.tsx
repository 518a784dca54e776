/** What belongs to a ticket beside its conversation. */
import { useSignal } from '@preact/signals'
import { Words } from '../../kit/text'
import type { Detail } from '../api'
import { useDesk } from '../context'
import { moment, t } from '../i18n'
import type { Entry, Ticket } from '../model'
import type { Control } from '../state/work'
import { Icon } from '../ui/icon'
import { Ago, nameOf, Switch, Wrong } from '../ui/parts'
import { DescribeDialog } from './describe'
import { happened } from './happened'
import { LinkDialog } from './link'

export function Side({ detail }: { detail: Detail }) {
  const { ticket, requesters } = detail
  return (
    <aside class="side-pane" id="ticket-side" aria-label={t('side')}>
      <Shared ticket={ticket} />
      <Linked detail={detail} />
      <Assigned ticket={ticket} />
      <Described ticket={ticket} />
      <section>
        <h2>{t('requester')}</h2>
        {requesters.length ? (
          requesters.map((one) => (
            <p key={one.id} class="requester">
              <strong dir="auto">{nameOf(one)}</strong>
              {one.email && <span class="muted">{one.email}</span>}
              {one.kind !== 'user' && <span class="muted">{t(`contact.${one.kind}`)}</span>}
            </p>
          ))
        ) : (
          <p class="muted">{t('contact.unknown')}</p>
        )}
      </section>
      <History />
    </aside>
  )
}

function useProblem(at: Control): string | undefined {
  const problem = useDesk().work.problem.value
  return problem?.at === at ? problem.text : undefined
}

function Shared({ ticket }: { ticket: Ticket }) {
  const desk = useDesk()
  const problem = useProblem('share')
  const customer = desk.team.value?.types.find((type) => type.id === ticket.typeId)?.customer ?? ticket.shared
  const may = ticket.shareable && desk.mayWork.value
  const hint = ticket.shareable ? (ticket.shared ? 'share.on' : 'share.off') : customer ? 'share.always' : 'share.never'
  return (
    <section>
      <div class="switch-line">
        <h2>{t('share')}</h2>
        <Switch
          on={ticket.shared}
          label={t('share')}
          hint="share-hint"
          disabled={!may || desk.work.busy.value === 'share'}
          turn={(on) => desk.work.setShared(ticket, on)}
        />
      </div>
      <p class="muted" id="share-hint">
        {t(hint)}
      </p>
      <Wrong text={problem} />
    </section>
  )
}

function Linked({ detail: { ticket, conversation, requesters } }: { detail: Detail }) {
  const desk = useDesk()
  const linking = useSignal(false)
  const problem = useProblem('link')
  const talkProblem = useProblem('talk')
  const { work } = desk
  const may = desk.mayWork.value
  return (
    <section>
      <h2>{t('conversation')}</h2>
      {ticket.conversationId ? (
        <div class="card">
          <Icon name="chat" size={18} />
          <div>
            <p dir="auto">{conversation?.preview || t(conversation ? 'conversation.empty' : 'conversation.away')}</p>
            {conversation && (
              <p class="muted">
                {t(conversation.closed ? 'conversation.closed' : 'conversation.open')} ·{' '}
                <Ago time={conversation.updateTime} />
              </p>
            )}
          </div>
        </div>
      ) : (
        <p class="muted">{t('link.none')}</p>
      )}
      {may && (
        <div class="buttons start">
          {ticket.conversationId ? (
            <button
              type="button"
              class="button small"
              disabled={work.busy.value === 'link'}
              onClick={() => work.link(ticket, '')}
            >
              {t('link.undo')}
            </button>
          ) : (
            <button type="button" class="button small" onClick={() => (linking.value = true)}>
              {t('link.do')}
            </button>
          )}
          {conversation && (
            <button
              type="button"
              class="button small"
              disabled={work.busy.value === 'talk'}
              onClick={() => work.setTalkOpen(conversation.id, conversation.closed)}
            >
              {t(conversation.closed ? 'conversation.reopen' : 'conversation.close')}
            </button>
          )}
        </div>
      )}
      {!linking.value && <Wrong text={problem} />}
      <Wrong text={talkProblem} />
      {linking.value && (
        <LinkDialog ticket={ticket} requesters={requesters} problem={problem} close={() => (linking.value = false)} />
      )}
    </section>
  )
}

function Assigned({ ticket }: { ticket: Ticket }) {
  const desk = useDesk()
  const { work } = desk
  const may = desk.mayWork.value
  const people = desk.team.value?.people.filter((one) => one.active || one.id === ticket.assigneeId) ?? []
  const name = (id: string) => people.find((one) => one.id === id)?.name ?? ''
  const assigneeProblem = useProblem('assignee')
  const openProblem = useProblem('open')
  return (
    <section>
      <h2>
        <label for="ticket-assignee">{t('assignee')}</label>
      </h2>
      <select
        id="ticket-assignee"
        value={ticket.assigneeId}
        disabled={!may || work.busy.value === 'assignee'}
        onChange={async (event) => {
          const select = event.currentTarget
          await work.assign(ticket, select.value, name(select.value))
          select.value = desk.opened.opened.value.detail?.ticket.assigneeId ?? ''
          select.focus()
        }}
      >
        <option value="">{t('assignee.none')}</option>
        {people.map((one) => (
          <option key={one.id} value={one.id}>
            {one.id === desk.team.value?.me.id ? t('assignee.me', { name: one.name }) : one.name}
          </option>
        ))}
      </select>
      <Wrong text={assigneeProblem} />
      <div class="switch-line">
        <p>{t(ticket.open ? 'open.on' : 'open.off')}</p>
        {may && (
          <button
            type="button"
            class="button small"
            disabled={work.busy.value === 'open'}
            onClick={() => work.setOpen(ticket, !ticket.open)}
          >
            {t(ticket.open ? 'open.close' : 'open.reopen')}
          </button>
        )}
      </div>
      <Wrong text={openProblem} />
    </section>
  )
}

function Described({ ticket }: { ticket: Ticket }) {
  const desk = useDesk()
  const editing = useSignal(false)
  return (
    <section>
      <div class="switch-line">
        <h2>{t('description')}</h2>
        {desk.mayWork.value && (
          <button type="button" class="button small" onClick={() => (editing.value = true)}>
            {t('details.edit')}
          </button>
        )}
      </div>
      {ticket.description ? (
        <p class="words" dir="auto">
          <Words text={ticket.description} />
        </p>
      ) : (
        <p class="muted">{t('description.none')}</p>
      )}
      {editing.value && <DescribeDialog ticket={ticket} close={() => (editing.value = false)} />}
    </section>
  )
}

/** Entries that are shown before one asks for more. */
const FIRST = 5

function History() {
  const desk = useDesk()
  const { entries, entriesNext } = desk.opened.opened.value
  const all = useSignal(false)
  const shown = all.value ? entries : entries.slice(0, FIRST)
  const hidden = entries.length > shown.length
  if (!entries.length) return null
  return (
    <section>
      <h2>{t('history')}</h2>
      <ol class="history">
        {shown.map((entry: Entry) => (
          <li key={entry.version}>
            <p>{happened(entry, desk)}</p>
            <p class="muted">
              <time dateTime={entry.time}>{moment(entry.time)}</time>
              {entry.visible && <span> · {t('history.visible')}</span>}
            </p>
          </li>
        ))}
      </ol>
      {(hidden || entriesNext) && (
        <button
          type="button"
          class="plain"
          onClick={() => {
            if (hidden) all.value = true
            else desk.opened.olderEntries()
          }}
        >
          {t('history.more')}
        </button>
      )}
    </section>
  )
}
