/** Times as people read them, in a language that is handed in. */
import { signal } from '@preact/signals'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Clocks that differ by less agree: an answer names its second, and is on its way for some. */
const AGREE = 30_000

/** The server's clock less this machine's, in milliseconds; 0 where they agree. */
let ahead = 0

/** The server's time, which what is shown is told by; moved every 30 s while somebody looks. */
export const now = signal(Date.now())

/** The server's time, to the second that it last told. */
export const serverTime = () => Date.now() + ahead

/** Sets the clock by what the server says of its time, as HTTP has it: the machine's own may be an hour off. */
export function setClock(date: string | null) {
  const off = Date.parse(date ?? '') - Date.now()
  const next = Math.abs(off) > AGREE ? off : 0
  if (Math.abs(next - ahead) <= AGREE) return
  ahead = next
  now.value = serverTime()
}

export function startTicking() {
  const tick = () => {
    if (document.visibilityState === 'visible') now.value = serverTime()
  }
  setInterval(tick, 30_000)
  document.addEventListener('visibilitychange', tick)
}

function format(time: number | string, locale: string, options: Intl.DateTimeFormatOptions): string {
  const at = new Date(time).getTime()
  return Number.isNaN(at) ? '' : new Intl.DateTimeFormat(locale, options).format(at)
}

/** "5m ago" within a week, then the date. A time to come, from a clock that is ahead, is now. */
export function relative(iso: string, at: number, locale: string, justNow: string): string {
  const time = Date.parse(iso)
  if (Number.isNaN(time)) return ''
  const age = at - time
  const ago = (value: number, unit: Intl.RelativeTimeFormatUnit) =>
    new Intl.RelativeTimeFormat(locale, { style: 'narrow', numeric: 'always' }).format(-Math.floor(value), unit)
  if (age < MINUTE) return justNow
  if (age < HOUR) return ago(age / MINUTE, 'minute')
  if (age < DAY) return ago(age / HOUR, 'hour')
  if (age < 7 * DAY) return ago(age / DAY, 'day')
  const sameYear = new Date(time).getFullYear() === new Date(at).getFullYear()
  return format(iso, locale, { month: 'short', day: 'numeric', ...(sameYear ? {} : { year: 'numeric' }) })
}

/** The whole of it, for those who want to know. */
export const full = (iso: string, locale: string) => format(iso, locale, { dateStyle: 'full', timeStyle: 'long' })

/** Date and time, short. */
export const moment = (iso: string, locale: string) =>
  format(iso, locale, { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' })

/** Time of day. */
export const clock = (time: number | string, locale: string) =>
  format(time, locale, { hour: 'numeric', minute: '2-digit' })

/** A day in a thread: "Today", "Yesterday", a weekday within a week, else the date. */
export function day(iso: string, at: number, locale: string, words: { today: string; yesterday: string }): string {
  const time = new Date(iso)
  if (Number.isNaN(time.getTime())) return ''
  const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
  // days have 23 to 25 hours
  const days = Math.round((midnight(new Date(at)) - midnight(time)) / DAY)
  if (days <= 0) return words.today
  if (days === 1) return words.yesterday
  return format(iso, locale, days < 7 ? { weekday: 'long' } : { month: 'long', day: 'numeric', year: 'numeric' })
}
