/** Small pieces that several screens show. */
import { useComputed, useSignal } from '@preact/signals'
import type { ComponentChildren, RefObject } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { useApp } from '../context'
import { type Key, t } from '../i18n'
import { full, relative } from '../i18n/time'
import type { Category, TicketState } from '../model'
import type { Failure } from '../state/failure'
import { below } from '../state/route'
import { Icon, type IconName } from './icon'

const STATE_ICONS: Record<Category, IconName> = {
  submitted: 'inbox',
  in_progress: 'clock',
  waiting: 'person',
  resolved: 'check'
}

const STATE_TEXTS = {
  submitted: { key: 'state.submitted', english: 'Submitted' },
  in_progress: { key: 'state.in_progress', english: 'In progress' },
  waiting: { key: 'state.waiting', english: 'Waiting on you' },
  resolved: { key: 'state.resolved', english: 'Resolved' }
} as const

/** The workspace's own words as they are; ours, which every workspace starts with, in the customer's language. */
export function stateLabel({ category, label }: TicketState): string {
  const ours = STATE_TEXTS[category]
  return label && label !== ours.english ? label : t(ours.key)
}

export function Chip({ state }: { state: TicketState }) {
  return (
    <span class={`chip ${state.category}`}>
      <Icon name={STATE_ICONS[state.category]} size={14} />
      <span dir="auto">{stateLabel(state)}</span>
    </span>
  )
}

export function Ago({ time }: { time: string }) {
  if (!time) return null
  return (
    <time dateTime={time} title={full(time)}>
      {relative(time)}
    </time>
  )
}

/** Grey shapes while something comes for the first time; not for what takes no time. */
export function Skeleton({ rows, kind = 'row' }: { rows: number; kind?: 'row' | 'block' | 'bubble' }) {
  const late = useSignal(false)
  useEffect(() => {
    const timer = setTimeout(() => {
      late.value = true
    }, 150)
    return () => clearTimeout(timer)
  }, [late])
  return (
    <div class="skeleton" aria-busy="true">
      <span class="hidden">{t('loading')}</span>
      {late.value && Array.from({ length: rows }, (_, row) => <div key={row} class={`shape ${kind}`} />)}
    </div>
  )
}

/** What went wrong, in a sentence, with what can be done about it. */
export function Problem(props: { text: string; failure: Failure; again: () => unknown; small?: boolean }) {
  const { text, failure, again, small } = props
  const button = useRef<HTMLButtonElement>(null)
  const busy = useSignal(false)
  useHandOver(button, 'h1')
  return (
    <div class={small ? 'problem small' : 'problem'}>
      <p>
        {text} {failure.kind === 'busy' && t('error.busy')}
      </p>
      <button
        type="button"
        class="plain"
        ref={button}
        onClick={async () => {
          if (busy.value) return
          busy.value = true
          await again()
          busy.value = false
        }}
      >
        {t(busy.value ? 'loading' : 'try_again')}
      </button>
      {failure.kind === 'failed' && failure.ref && <p class="ref">{t('ref', { id: failure.ref })}</p>}
    </div>
  )
}

/** Fetches more of what is shown; at the end, who stood on it stands on `then`. */
export function MoreButton(props: {
  busy: boolean
  text: string
  more: () => unknown
  then: string
  at?: RefObject<HTMLButtonElement | null>
}) {
  const { busy, text, more, then, at } = props
  const own = useRef<HTMLButtonElement>(null)
  const button = at ?? own
  useHandOver(button, then)
  return (
    // never disabled: that takes the focus from it. A second press while it is busy does nothing
    <button type="button" class="more" ref={button} aria-disabled={busy} onClick={() => more()}>
      {busy ? t('loading') : text}
    </button>
  )
}

/** Who stands on something that goes away is put on the last of `to`, and not at the document's beginning. */
export function useHandOver(from: RefObject<HTMLElement | null>, to: string) {
  useLayoutEffect(
    () => () => {
      if (!from.current || from.current !== document.activeElement) return
      const all = document.querySelectorAll<HTMLElement>(to)
      all[all.length - 1]?.focus({ preventScroll: true })
    },
    [from, to]
  )
}

/** A dot for the eye and words for the ear. */
export function Unread({ text }: { text: string }) {
  return (
    <span class="dot">
      <span class="hidden">{text}</span>
    </span>
  )
}

export function Badge({ count }: { count: number }) {
  return (
    <span class="badge" aria-hidden="true">
      {count > 9 ? '9+' : count}
    </span>
  )
}

/** The first letter of a name, on a colour of its own. */
export function Avatar({ name }: { name: string }) {
  const letter = [...name.trim()][0]?.toUpperCase() ?? '?'
  const tone = [...name].reduce((sum, char) => (sum + (char.codePointAt(0) ?? 0)) % 6, 0)
  return (
    // a picture of the name beside it, no text of its own
    <span class={`avatar tone${tone}`} aria-hidden="true" data-letter={letter} />
  )
}

/** A focus target that says where one is. */
export function Title({ children, class: name }: { children: ComponentChildren; class?: string }) {
  const title = useRef<HTMLHeadingElement>(null)
  useLayoutEffect(() => {
    // it comes when its screen has been fetched: what had the focus is gone by then. The page around it keeps its own
    if (document.hasFocus() && document.activeElement === document.body) title.current?.focus({ preventScroll: true })
  }, [])
  return (
    <h1 ref={title} tabIndex={-1} {...(name && { class: name })}>
      {children}
    </h1>
  )
}

/** The screen's bar: Back, its name, and the panel's own buttons. */
export function Header({ title, children }: { title: ComponentChildren; children?: ComponentChildren }) {
  return (
    <header class="bar">
      <BackButton />
      <div class="bar-title">
        <Title>{title}</Title>
        {children}
      </div>
      <Corner />
    </header>
  )
}

/** Where Back leads, in words; nothing on a space. */
export function useBack(): string {
  const app = useApp()
  const under = useComputed(() => below(app.where.value)?.name)
  const name = under.value
  return name ? t(name === 'submit' || name === 'new' ? 'back.home' : (`back.${name}` satisfies Key)) : ''
}

export function BackButton() {
  const app = useApp()
  const text = useBack()
  if (!text) return null
  return (
    <button type="button" class="round" aria-label={text} onClick={() => app.tell({ type: 'back' })}>
      <Icon name="back" />
    </button>
  )
}

/** What becomes of the panel: wider, where there is room beside it, and closed. */
export function Corner() {
  const app = useApp()
  const wide = app.wide.value
  return (
    <>
      {!app.full.value && (
        <button
          type="button"
          class="round"
          aria-label={t(wide ? 'narrower' : 'wider')}
          onClick={() => {
            app.wide.value = !wide
          }}
        >
          <Icon name={wide ? 'narrower' : 'wider'} />
        </button>
      )}
      <button
        type="button"
        class="round close"
        aria-label={t('close')}
        onClick={() => dispatchEvent(new Event('msgr-close'))}
      >
        <Icon name="close" />
      </button>
    </>
  )
}
