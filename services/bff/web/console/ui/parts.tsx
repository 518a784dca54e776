/** Small pieces that several pages show. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { useDesk } from '../context'
import { full, relative, t } from '../i18n'
import type { Category, Contact, State } from '../model'
import type { Failure } from '../state/failure'
import { type Doing, says } from '../state/says'
import { Icon, type IconName } from './icon'

const ICONS: Record<Category, IconName> = {
  submitted: 'inbox',
  in_progress: 'clock',
  waiting: 'person',
  resolved: 'check'
}

/** A state by teammates' word. */
export function Chip({ state }: { state: State }) {
  return (
    <span class={`chip ${state.category}`}>
      <Icon name={ICONS[state.category]} size={14} />
      <span dir="auto">{state.internal}</span>
    </span>
  )
}

export function Ago({ time }: { time: string }) {
  return time ? (
    <time dateTime={time} title={full(time)}>
      {relative(time)}
    </time>
  ) : null
}

export const nameOf = (contact: Contact | undefined) =>
  contact ? contact.name || contact.email || t(`contact.${contact.kind}`) : t('contact.unknown')

/** Grey shapes while something comes for the first time; not for what takes no time. */
export function Skeleton({ rows, kind = 'row' }: { rows: number; kind?: 'row' | 'block' }) {
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
export function Problem({ text, why, again, doing = 'look' }: ProblemProps) {
  return (
    <div class="problem" role="alert">
      <p>{text}</p>
      <p class="muted">{says(why, doing)}</p>
      {why.kind !== 'forbidden' && (
        <button type="button" class="button" onClick={() => again()}>
          {t('try_again')}
        </button>
      )}
    </div>
  )
}
interface ProblemProps {
  text: string
  why: Failure
  again: () => unknown
  doing?: Doing
}

/** The page's name; takes the focus when one has come here by a link of ours. */
export function Title({ children, class: name }: { children: ComponentChildren; class?: string }) {
  const desk = useDesk()
  const title = useRef<HTMLHeadingElement>(null)
  useLayoutEffect(() => {
    document.title = `${title.current?.textContent ?? ''} · ${t('console')}`
  })
  useLayoutEffect(() => {
    if (!desk.arriving.value) return
    desk.arriving.value = false
    title.current?.focus({ preventScroll: true })
  })
  return (
    <h1 ref={title} tabIndex={-1} {...(name && { class: name })}>
      {children}
    </h1>
  )
}

/** A link within the console: followed without a new page, unless it is asked for in another tab. */
export function Link({ to, children, ...more }: LinkProps) {
  const desk = useDesk()
  return (
    <a
      href={to}
      {...more}
      onClick={(event) => {
        if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
        event.preventDefault()
        desk.follow(to)
      }}
    >
      {children}
    </a>
  )
}
interface LinkProps {
  to: string
  children: ComponentChildren
  class?: string
  'aria-current'?: 'page'
  'aria-label'?: string
  'data-row'?: string
}

export interface SwitchProps {
  on: boolean
  label: string
  disabled?: boolean
  hint?: string
  turn: (on: boolean) => unknown
}

/** A switch; while it cannot be turned it says so and can still be reached. */
export function Switch({ on, label, disabled = false, hint, turn }: SwitchProps) {
  return (
    <button
      type="button"
      class="switch"
      role="switch"
      aria-checked={on}
      aria-label={label}
      {...(hint && { 'aria-describedby': hint })}
      {...(disabled && { 'aria-disabled': true })}
      onClick={() => {
        if (!disabled) turn(!on)
      }}
    >
      <span class="knob" />
    </button>
  )
}

/** A window in front of the page: the browser keeps the focus in it and gives it back. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null)
  const id = `dialog-${title.replace(/\W+/g, '-')}`
  useLayoutEffect(() => {
    const element = box.current
    if (element && !element.open) element.showModal()
    return () => element?.close()
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, the click beside it is for the mouse
    <dialog
      ref={box}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        close()
      }}
      onClick={(event) => {
        if (event.target === box.current) close()
      }}
    >
      <div class="dialog">
        <h2 id={id}>{title}</h2>
        {children}
        {/* behind what one came for: that gets the focus */}
        <button type="button" class="round dialog-close" aria-label={t('close')} onClick={close}>
          <Icon name="close" />
        </button>
      </div>
    </dialog>
  )
}

/** What went wrong at a control. */
export function Wrong({ text }: { text: string | undefined }) {
  return (
    <div role="alert" class="wrong">
      {text}
    </div>
  )
}
