/** The conversation with all that happened to the ticket, in one order. */
import { useSignal } from '@preact/signals'
import { Fragment } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { Words } from '../../kit/text'
import { useDesk } from '../context'
import { clock, day, full, t } from '../i18n'
import type { Part } from '../model'
import { type Item, merged } from '../state/timeline'
import { Icon } from '../ui/icon'
import { Problem, Skeleton } from '../ui/parts'
import { happened } from './happened'

/** So near the end, in pixels, one is at the end. */
const NEAR = 48

export function Timeline() {
  const desk = useDesk()
  const { detail, parts, partsOf, partsFailure, olderBusy, entries } = desk.opened.opened.value
  const box = useRef<HTMLDivElement>(null)
  /** What was the last part when one last was at the end. */
  const seen = useRef(0)
  const below = useSignal(0)
  const ticketId = detail?.ticket.id ?? ''
  const last = parts.rows.at(-1)?.seq ?? 0
  const items = merged(ticketId, parts, entries)

  const atEnd = () => {
    const element = box.current
    return !element || element.scrollHeight - element.scrollTop - element.clientHeight < NEAR
  }
  const look = () => {
    if (!atEnd()) return
    seen.current = parts.rows.at(-1)?.seq ?? 0
    below.value = 0
  }
  const toEnd = () => {
    const element = box.current
    if (element) element.scrollTop = element.scrollHeight
    look()
  }
  const wasAtEnd = useRef(true)
  const shown = useRef(0)
  const newest = parts.rows.at(-1)
  const count = items.length
  useLayoutEffect(() => {
    // what one has just written is looked at
    const wrote = last !== shown.current && newest?.authorId === desk.team.value?.me.id
    shown.current = last
    if (wasAtEnd.current || wrote) toEnd()
    else below.value = parts.rows.filter((part) => part.seq > seen.current && spoken(part)).length
  }, [last, count])
  // what is above grows when its parts come: what one reads stays where it is
  const height = useRef(0)
  const first = parts.rows[0]?.seq ?? 0
  const from = useRef(first)
  useLayoutEffect(() => {
    const element = box.current
    if (element && first < from.current) element.scrollTop += element.scrollHeight - height.current
    from.current = first
    height.current = element?.scrollHeight ?? 0
  })
  const scrolled = () => {
    wasAtEnd.current = atEnd()
    look()
  }
  // when the composer grows or the window shrinks, the end stays in view
  useEffect(() => {
    const resized = new ResizeObserver(() => {
      const element = box.current
      if (element && wasAtEnd.current) element.scrollTop = element.scrollHeight
    })
    if (box.current) resized.observe(box.current)
    return () => resized.disconnect()
  }, [])

  const waits = partsOf && !parts.rows.length && detail?.conversation && detail.conversation.headSeq > 0
  return (
    <div class="timeline-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled by keyboard too */}
      <div class="timeline" ref={box} tabIndex={0} role="log" aria-label={t('timeline')} onScroll={scrolled}>
        {parts.older && (
          <div class="more">
            <button type="button" class="button small" disabled={olderBusy} onClick={desk.opened.older}>
              {t(olderBusy ? 'loading' : 'timeline.older')}
            </button>
          </div>
        )}
        {partsFailure && !parts.rows.length ? (
          <Problem text={t('timeline.failed')} why={partsFailure} again={() => desk.reloadTicket()} />
        ) : waits ? (
          <Skeleton rows={3} />
        ) : (
          <Items items={items} />
        )}
      </div>
      {below.value > 0 && (
        <button type="button" class="below" onClick={toEnd}>
          <Icon name="down" size={16} />
          {t('below', { count: below.value })}
        </button>
      )}
    </div>
  )
}

/** Somebody wrote it. */
const spoken = (part: Part) => part.kind === 'message' || part.kind === 'note'

function Items({ items }: { items: Item[] }) {
  const desk = useDesk()
  let before = ''
  return (
    <>
      {items.map((item) => {
        const of = day(item.time)
        const opens = of !== before
        before = of
        return (
          <Fragment key={'part' in item ? item.part.id : `v${item.entry.version}`}>
            {opens && <h2 class="day">{of}</h2>}
            {'part' in item ? (
              <PartItem part={item.part} />
            ) : (
              <p class="event">
                {happened(item.entry, desk)} <Clock time={item.time} />
              </p>
            )}
          </Fragment>
        )
      })}
    </>
  )
}

function Clock({ time }: { time: string }) {
  return (
    <time dateTime={time} title={full(time)}>
      {clock(time)}
    </time>
  )
}

function PartItem({ part }: { part: Part }) {
  const desk = useDesk()
  const team = desk.team.value
  if (part.kind === 'state')
    return (
      <p class="event">
        {t(part.closed ? 'event.closed' : 'event.reopened')} <Clock time={part.time} />
      </p>
    )
  if (part.kind === 'ticket') {
    const state = team?.states.find((one) => one.id === part.ticket?.stateId)
    const other = part.ticket?.id !== desk.opened.opened.value.detail?.ticket.id
    const text = other ? 'event.other' : 'event.state'
    return (
      <p class="event">
        {t(text, { state: state?.internal ?? t(`category.${part.ticket?.category ?? 'submitted'}`) })}{' '}
        <Clock time={part.time} />
      </p>
    )
  }
  const note = part.kind === 'note'
  const theirs = part.author === 'contact'
  return (
    <article class={note ? 'part note' : theirs ? 'part' : 'part ours'}>
      <header>
        <strong dir="auto">{part.authorName || t(theirs ? 'somebody' : 'the_system')}</strong>
        {note && (
          <span class="note-mark">
            <Icon name="lock" size={14} />
            {t('note')}
          </span>
        )}
        <Clock time={part.time} />
      </header>
      <p class="words" dir="auto">
        <Words text={part.body} />
      </p>
    </article>
  )
}
