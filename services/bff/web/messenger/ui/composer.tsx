import { useLayoutEffect, useRef } from 'preact/hooks'
import { useApp } from '../context'
import { t } from '../i18n'
import { Icon } from './icon'

/** Longest message, in characters, as the server counts them. */
const LONGEST = 10_000
/** From here on it says how many are left. */
const COUNTED = 9_500
/** Lines that it grows to. */
const LINES = 5
const LINE = 22

export function Composer({ id }: { id: string }) {
  const app = useApp()
  const box = useRef<HTMLTextAreaElement>(null)
  const text = app.drafts.value[id] ?? ''
  const length = [...text].length
  const full = length > LONGEST
  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    // an empty one has no height of its own to measure
    element.style.height = 'auto'
    if (text) element.style.height = `${Math.min(element.scrollHeight, LINES * LINE + 24)}px`
  }, [text])
  const send = () => {
    const body = text.trim()
    if (!body || full) return
    app.write(id, body)
    box.current?.focus()
  }
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <label class="hidden" for="message">
        {t('composer')}
      </label>
      <textarea
        id="message"
        ref={box}
        rows={1}
        dir="auto"
        value={text}
        placeholder={t('composer.placeholder')}
        aria-describedby="message-hint"
        aria-invalid={full}
        onInput={(event) => {
          app.drafts.value = { ...app.drafts.value, [id]: event.currentTarget.value }
        }}
        onKeyDown={(event) => {
          // while an input method composes, Enter chooses
          if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
            event.preventDefault()
            send()
          }
        }}
      />
      <span class="hidden" id="message-hint">
        {t('composer.hint')}
      </span>
      {length >= COUNTED && (
        <span class={full ? 'left over' : 'left'} role="status">
          {t('composer.left', { count: LONGEST - length })}
        </span>
      )}
      <button type="submit" class="send" aria-label={t('composer.send')} disabled={!text.trim() || full}>
        <Icon name="send" />
      </button>
    </form>
  )
}
