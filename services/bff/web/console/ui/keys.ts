/** Single keys, for those who do not want to reach for the mouse; all they do is also reached by Tab. */
import { signal } from '@preact/signals'

const KEPT = 'msgr.console.keys'

function kept(): boolean {
  try {
    return localStorage.getItem(KEPT) !== 'off'
  } catch {
    return true
  }
}

/** They can be turned off: who speaks to the computer would press them by accident. */
export const keysOn = signal(kept())

export function turnKeys(on: boolean) {
  keysOn.value = on
  try {
    localStorage.setItem(KEPT, on ? 'on' : 'off')
  } catch {
    // for this page only, then
  }
}

const rows = () => [...document.querySelectorAll<HTMLElement>('[data-row]')]
const focused = () => document.activeElement as HTMLElement

/** Moves the focus along the list, beginning at the ticket that is open. */
function step(by: 1 | -1) {
  const all = rows()
  const at = all.indexOf(focused())
  const open = all.findIndex((row) => row.hasAttribute('aria-current'))
  const next = at >= 0 ? at + by : open >= 0 ? open + by : 0
  all[Math.max(0, Math.min(all.length - 1, next))]?.focus()
}

function focusOn(selector: string) {
  const element = document.querySelector<HTMLElement>(selector)
  element?.focus()
  return element
}

const KEYS: Record<string, () => void> = {
  j: () => step(1),
  k: () => step(-1),
  e: () => {
    const select = focusOn('#ticket-state')
    try {
      if (select instanceof HTMLSelectElement) select.showPicker()
    } catch {
      // it has the focus all the same
    }
  },
  r: () => {
    document.querySelector<HTMLElement>('#mode-reply')?.click()
    focusOn('#message')
  }
}

/** Listens until the answer is called; `help` shows what there is. */
export function listen(help: () => void): () => void {
  const hear = (event: KeyboardEvent) => {
    if (!keysOn.value || event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return
    const { target } = event
    if (target instanceof Element && target.closest('input, textarea, select, dialog')) return
    const run = event.key === '?' ? help : KEYS[event.key]
    if (!run) return
    event.preventDefault()
    run()
  }
  document.addEventListener('keydown', hear)
  return () => document.removeEventListener('keydown', hear)
}
