/** The console's words: all of them are in one file, so that a language is a file more. */
import * as time from '../../kit/time'
import en from './en.json'

type Entry = keyof typeof en
/** A text's key; for one with a number, the key without its plural's name. */
export type Key = Entry | (Entry extends infer E ? (E extends `${infer Base}_one` ? Base : never) : never)

export const LOCALE = 'en'
const plural = new Intl.PluralRules(LOCALE)
const number = new Intl.NumberFormat(LOCALE)
const texts: Partial<Record<string, string>> = en

/** The text of a key with its values put in; `count` also chooses the plural. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const { count } = values
  const text =
    (typeof count === 'number' && texts[`${key}_${plural.select(count)}`]) || texts[`${key}_other`] || texts[key]
  return (text ?? key).replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name]
    return typeof value === 'number' ? number.format(value) : (value ?? '')
  })
}

export const relative = (iso: string) => time.relative(iso, time.now.value, LOCALE, t('just_now'))
export const full = (iso: string) => time.full(iso, LOCALE)
export const moment = (iso: string) => time.moment(iso, LOCALE)
export const clock = (at: number | string) => time.clock(at, LOCALE)
export const day = (iso: string) =>
  time.day(iso, time.now.value, LOCALE, { today: t('today'), yesterday: t('yesterday') })
