/** Where a teammate writes: to the customer, or to the team alone. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { useDesk } from '../context'
import { t } from '../i18n'
import type { Ticket } from '../model'
import { Icon } from '../ui/icon'
import { Chip } from '../ui/parts'
import { statesOf } from './ticket'

/** Longest message, in characters, as the server counts them. */
const LONGEST = 10_000
/** From here on it says how many are left. */
const COUNTED = 9_500

/** `closed`: the conversation that is written in is. */
export function Composer({ ticket, closed }: { ticket: Ticket; closed: boolean }) {
  const desk = useDesk()
  const draft = desk.drafts.of(ticket.id)
  const { mode } = draft
  const text = draft[mode]
  const length = [...text].length
  const offline = !desk.online.value
  const why = !desk.mayWork.value
    ? t('forbidden.tickets')
    : !ticket.conversationId && !ticket.shared
      ? t('composer.unlinked')
      : ''
  const can = !why && !offline && !draft.sending && !!text.trim() && length <= LONGEST
  const send = (stateId = '') => {
    if (can) desk.work.send(ticket.id, stateId)
  }
  if (why)
    return (
      <p class="composer-off">
        <Icon name="lock" size={16} />
        {why}
      </p>
    )
  return (
    <form
      class={`composer ${mode}`}
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <div class="modes" role="tablist" aria-label={t('composer')}>
        {(['reply', 'note'] as const).map((one) => (
          <button
            key={one}
            type="button"
            role="tab"
            id={`mode-${one}`}
            aria-selected={mode === one}
            aria-controls="composer-box"
            tabIndex={mode === one ? 0 : -1}
            onClick={() => desk.drafts.change(ticket.id, { mode: one, problem: '' })}
            onKeyDown={(event) => {
              if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
              event.preventDefault()
              const other = one === 'reply' ? 'note' : 'reply'
              desk.drafts.change(ticket.id, { mode: other, problem: '' })
              document.getElementById(`mode-${other}`)?.focus()
            }}
          >
            {one === 'note' && <Icon name="lock" size={14} />}
            {t(`mode.${one}`)}
          </button>
        ))}
      </div>
      <div id="composer-box" role="tabpanel" aria-labelledby={`mode-${mode}`}>
        <textarea
          id="message"
          rows={3}
          dir="auto"
          value={text}
          aria-label={t(`mode.${mode}.label`)}
          placeholder={t(`mode.${mode}.hint`)}
          aria-invalid={length > LONGEST}
          onInput={(event) => desk.drafts.change(ticket.id, { [mode]: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.isComposing) {
              event.preventDefault()
              send()
            }
          }}
        />
        {closed && mode === 'reply' && (
          <p class="composer-closed">
            <Icon name="lock" size={14} />
            {t('composer.closed')}
          </p>
        )}
        <Half ticketId={ticket.id} />
        <div role="alert" class="wrong">
          {draft.problem}
        </div>
        <div class="composer-foot">
          <span class="muted" role="status">
            {offline
              ? t('composer.offline')
              : length >= COUNTED
                ? t('composer.left', { count: LONGEST - length })
                : t('composer.hint')}
          </span>
          <span class="split">
            <button type="submit" class="button main" disabled={!can}>
              {t(draft.sending ? 'sending' : mode === 'note' ? 'composer.note' : 'composer.send')}
            </button>
            {mode === 'reply' && <SendAndSet ticket={ticket} can={can} send={send} />}
          </span>
        </div>
      </div>
    </form>
  )
}

function SendAndSet({ ticket, can, send }: { ticket: Ticket; can: boolean; send: (stateId: string) => void }) {
  const desk = useDesk()
  const open = useSignal(false)
  const frame = useRef<HTMLSpanElement>(null)
  const opener = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (!open.value) return
    frame.current?.querySelector<HTMLElement>('li button')?.focus()
    const away = (event: Event) => {
      if (!(event.target instanceof Node && frame.current?.contains(event.target))) open.value = false
    }
    document.addEventListener('pointerdown', away)
    document.addEventListener('focusin', away)
    return () => {
      document.removeEventListener('pointerdown', away)
      document.removeEventListener('focusin', away)
    }
  }, [open, open.value])
  const states = statesOf(ticket, desk.team.value).filter((state) => state.id !== ticket.state.id)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape in the menu, wherever in it the focus is
    <span
      class="send-set"
      ref={frame}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open.value) return
        event.preventDefault()
        open.value = false
        opener.current?.focus()
      }}
    >
      <button
        type="button"
        ref={opener}
        class="button main"
        disabled={!can}
        aria-expanded={open.value}
        aria-controls="send-states"
        onClick={() => (open.value = !open.value)}
      >
        {t('composer.send_set')}
        <Icon name="down" size={16} />
      </button>
      {open.value && (
        <ul id="send-states" class="menu">
          {states.map((state) => (
            <li key={state.id}>
              <button
                type="button"
                onClick={() => {
                  open.value = false
                  send(state.id)
                  document.getElementById('message')?.focus()
                }}
              >
                <Chip state={state} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </span>
  )
}

/** The reply is there and the state is not: what is missing can be done without sending the reply again. */
function Half({ ticketId }: { ticketId: string }) {
  const desk = useDesk()
  const { half, sending } = desk.drafts.of(ticketId)
  return (
    <div role="alert" class="half-frame">
      {half && (
        <div class="half">
          <p>
            {t('half')}{' '}
            <button type="button" class="plain" disabled={sending} onClick={() => desk.work.retryState(ticketId)}>
              {t('half.retry')}
            </button>
          </p>
          <p class="muted">{half.why}</p>
        </div>
      )}
    </div>
  )
}
