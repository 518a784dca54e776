/** The list of tickets. */
import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Filter } from '../api'
import { useDesk } from '../context'
import { t } from '../i18n'
import type { Row } from '../model'
import { inbox } from '../place'
import { ROWS_MOST } from '../state/inbox'
import { Icon } from '../ui/icon'
import { Ago, Chip, Link, nameOf, Problem, Skeleton, Title } from '../ui/parts'
import { CreateDialog } from './create'
import { Narrow } from './narrow'

export function ListPane({ filter, current }: { filter: Filter; current: string }) {
  const desk = useDesk()
  const creating = useSignal(false)
  const name = t(filter.category ? `category.${filter.category}` : 'inbox')
  return (
    <section class="pane list" aria-label={t('tickets')}>
      <header class="pane-head">
        {current ? <h2>{name}</h2> : <Title>{name}</Title>}
        {desk.mayWork.value && (
          <button type="button" class="button small" onClick={() => (creating.value = true)}>
            <Icon name="plus" size={16} />
            {t('create')}
          </button>
        )}
      </header>
      <Narrow filter={filter} current={current} />
      <Rows filter={filter} current={current} />
      {creating.value && <CreateDialog close={() => (creating.value = false)} />}
    </section>
  )
}

function Rows({ filter, current }: { filter: Filter; current: string }) {
  const desk = useDesk()
  const { rows, loaded, next, more, failure } = desk.inbox.list.value
  const opened = desk.opened.opened.value.detail?.ticket.id
  // who stands on a ticket still does when it moves: its row loses the focus on the way
  const held = useRef('')
  const moving = useRef(false)
  moving.current = true
  useLayoutEffect(() => {
    moving.current = false
    if (held.current && document.activeElement === document.body)
      document.querySelector<HTMLElement>(`[data-row="${CSS.escape(held.current)}"]`)?.focus({ preventScroll: true })
  })
  if (!loaded && failure) return <Problem text={t('list.failed')} why={failure} again={desk.reloadList} />
  if (!loaded) return <Skeleton rows={6} />
  const { category, ...narrow } = filter
  const narrowed = Object.keys(narrow).length > 0
  return (
    <div class="scroll">
      {rows.length === 0 ? (
        <div class="empty">
          <p>{t('list.empty')}</p>
          {narrowed && (
            <Link to={inbox(category ? { category } : {})} class="plain">
              {t('list.clear')}
            </Link>
          )}
        </div>
      ) : (
        <ul
          onFocusIn={(event) => {
            held.current = (event.target as HTMLElement).dataset.row ?? ''
          }}
          onFocusOut={() => {
            if (!moving.current) held.current = ''
          }}
        >
          {rows.map((row) => (
            <li key={row.ticket.id}>
              <RowLink row={row} on={row.ticket.id === opened || row.ticket.id === current} />
            </li>
          ))}
        </ul>
      )}
      {next && (
        <div class="more">
          {rows.length < ROWS_MOST ? (
            <button type="button" class="button" disabled={more} onClick={desk.inbox.more}>
              {t(more ? 'loading' : 'more')}
            </button>
          ) : (
            <p class="muted">{t('list.most', { count: rows.length })}</p>
          )}
        </div>
      )}
    </div>
  )
}

function RowLink({ row: { ticket, requester }, on }: { row: Row; on: boolean }) {
  const desk = useDesk()
  return (
    <Link
      to={desk.ticketAddress(ticket.id)}
      class={ticket.open ? 'row' : 'row closed'}
      data-row={ticket.id}
      {...(on && { 'aria-current': 'page' })}
    >
      <span class="row-line">
        <span class="row-title" dir="auto">
          {ticket.title}
        </span>
        <Ago time={ticket.updateTime} />
      </span>
      <span class="row-line muted">
        <span class="row-who" dir="auto">
          {nameOf(requester)}
        </span>
        <span>#{ticket.number}</span>
      </span>
      <span class="row-line">
        <Chip state={ticket.state} />
        <span class="marks">
          {!ticket.open && <span class="mark">{t('closed')}</span>}
          {!ticket.shared && (
            <span class="mark">
              <Icon name="lock" size={13} />
              {t('private')}
            </span>
          )}
        </span>
      </span>
    </Link>
  )
}
