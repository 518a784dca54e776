/** Choosing a customer by how their name, address or id begins: an editable combobox with a list, as ARIA describes it. */
import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { useDesk } from '../context'
import { t } from '../i18n'
import type { Contact } from '../model'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Icon } from './icon'
import { nameOf } from './parts'

/** What is typed is looked for after this pause, in milliseconds. */
const PAUSE = 200
/** Longest text that is looked for, in characters, as the server counts them. */
const LONGEST = 254

interface Props {
  /** Of the box; its list and options are called after it. */
  id: string
  label: string
  chosen: Contact | undefined
  choose: (contact: Contact | undefined) => void
  /** Shown before anything is typed: whom one most likely means. */
  offered?: Contact[]
  placeholder?: string
  invalid?: boolean
}

export function ContactPicker({ id, label, chosen, choose, offered = [], placeholder = '', invalid = false }: Props) {
  const text = useSignal(chosen ? nameOf(chosen) : '')
  const open = useSignal(false)
  const at = useSignal(-1)
  const search = useSearch()
  const box = useRef<HTMLInputElement>(null)
  const typed = text.value.trim()
  const options = typed && !chosen ? search.found : offered
  const shown = open.value && options.length > 0
  const active = shown ? options[at.value] : undefined
  const listId = `${id}-list`

  // by another hand: Back, or a filter that was cleared
  useLayoutEffect(() => {
    if (chosen) text.value = nameOf(chosen)
    else if (document.activeElement !== box.current) text.value = ''
  }, [text, chosen?.id])
  useLayoutEffect(() => {
    if (active) document.getElementById(`${id}-${active.id}`)?.scrollIntoView({ block: 'nearest' })
  }, [id, active])

  const close = () => {
    open.value = false
    at.value = -1
  }
  const take = (contact: Contact) => {
    text.value = nameOf(contact)
    close()
    choose(contact)
  }
  const type = (value: string) => {
    text.value = value
    open.value = true
    at.value = -1
    search.look(value.trim())
    if (chosen) choose(undefined)
  }
  const move = (by: 1 | -1) => {
    if (!open.value) open.value = true
    const last = options.length - 1
    // from the box itself one comes to the first, or from above to the last
    at.value = at.value < 0 ? (by > 0 ? 0 : last) : Math.max(-1, Math.min(last, at.value + by))
  }
  const keys: Record<string, () => unknown> = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    // with the list away, Enter and Escape are for what is around
    ...(active && { Enter: () => take(active) }),
    ...(shown && { Escape: close })
  }
  const says = !open.value || chosen ? '' : search.says(typed)
  return (
    <div class="picker">
      <label for={id}>{label}</label>
      <div class="picker-box">
        <input
          ref={box}
          id={id}
          type="text"
          role="combobox"
          autocomplete="off"
          spellcheck={false}
          dir="auto"
          maxLength={LONGEST}
          aria-autocomplete="list"
          aria-expanded={shown}
          aria-controls={listId}
          aria-invalid={invalid}
          aria-describedby={`${id}-told`}
          {...(active && { 'aria-activedescendant': `${id}-${active.id}` })}
          placeholder={placeholder}
          value={text.value}
          onInput={(event) => type(event.currentTarget.value)}
          onClick={() => (open.value = true)}
          onBlur={close}
          onKeyDown={(event) => {
            const run =
              event.isComposing || event.altKey || event.ctrlKey || event.metaKey ? undefined : keys[event.key]
            if (!run) return
            event.preventDefault()
            run()
          }}
        />
        {text.value && (
          <button
            type="button"
            class="round clear"
            aria-label={t('contact.clear', { label })}
            onClick={() => {
              text.value = ''
              search.look('')
              choose(undefined)
              box.current?.focus()
            }}
          >
            <Icon name="close" size={16} />
          </button>
        )}
        <div class={shown || says ? 'popup shown' : 'popup'}>
          <div id={listId} class="options" role="listbox" aria-label={label} hidden={!shown}>
            {shown &&
              options.map((one) => (
                // biome-ignore lint/a11y/useFocusableInteractive lint/a11y/useKeyWithClickEvents: the box hears the keys
                <div
                  key={one.id}
                  id={`${id}-${one.id}`}
                  role="option"
                  aria-selected={one.id === (active ?? chosen)?.id}
                  class={one.id === active?.id ? 'active' : ''}
                  // the box keeps the focus
                  onMouseDown={(event) => event.preventDefault()}
                  onClick={() => take(one)}
                >
                  <span dir="auto">{nameOf(one)}</span>
                  <span class="muted">{aside(one)}</span>
                </div>
              ))}
          </div>
          {/* it is there before it says anything, so that what it says is heard */}
          <p class="muted" id={`${id}-told`} role="status">
            {says}
          </p>
        </div>
      </div>
    </div>
  )
}

/** What tells one Ada from another. */
function aside(one: Contact): string {
  const kind = one.kind === 'user' ? '' : t(`contact.${one.kind}`)
  return [one.name && one.email, one.userId, kind].filter(Boolean).join(' · ')
}

/** Looks for what was typed last; answers to what was typed before are dropped. */
function useSearch() {
  const desk = useDesk()
  const state = useSignal({ for: '', found: [] as Contact[], more: false, problem: '' })
  const turn = useRef(0)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  async function ask(text: string) {
    const mine = ++turn.current
    try {
      const { contacts, more } = await desk.api.find(text)
      if (mine === turn.current) state.value = { for: text, found: contacts, more, problem: '' }
    } catch (thrown) {
      const problem = says(failure(thrown), 'look')
      if (mine === turn.current) state.value = { for: text, found: [], more: false, problem }
    }
  }
  const { found, more, problem } = state.value
  return {
    found,
    look(text: string) {
      clearTimeout(timer.current)
      turn.current++
      if (!text) state.value = { for: '', found: [], more: false, problem: '' }
      else timer.current = setTimeout(() => ask(text), PAUSE)
    },
    /** What has come of it, for those who listen and for those who look. */
    says(text: string): string {
      if (!text) return ''
      if (text !== state.value.for) return t('loading')
      if (problem) return problem
      if (!found.length) return t('contact.nobody')
      return more ? t('contact.more', { count: found.length }) : t('contact.found', { count: found.length })
    }
  }
}
