import { signal } from '@preact/signals'
import en from './locales/en.json'

type Entry = keyof typeof en
/** A text's key; for one with a number, the key without its plural's name. */
export type Key = Entry | (Entry extends infer E ? (E extends `${infer Base}_one` ? Base : never) : never)
export type Texts = Partial<Record<string, string>>

/** English comes with the page; every other language is fetched when it is wanted. */
const LOCALES: Record<string, () => Promise<{ default: Texts }>> = {
  de: () => import('./locales/de.json'),
  fr: () => import('./locales/fr.json'),
  es: () => import('./locales/es.json'),
  'pt-BR': () => import('./locales/pt-BR.json'),
  ar: () => import('./locales/ar.json'),
  he: () => import('./locales/he.json'),
  ja: () => import('./locales/ja.json'),
  'en-XA': () => import('./pseudo')
}

/** Languages that are written from right to left, for browsers that do not know. */
const RTL = new Set(['ar', 'he'])

type Direction = 'ltr' | 'rtl'
interface TextInfo {
  direction?: Direction
}

/** How a language is written; browsers say it by a method, by a property, or not at all. */
export function direction(locale: string): Direction {
  const told: { getTextInfo?(): TextInfo; textInfo?: TextInfo } & Intl.Locale = new Intl.Locale(locale)
  return (told.getTextInfo?.() ?? told.textInfo)?.direction ?? (RTL.has(told.language) ? 'rtl' : 'ltr')
}

interface Language {
  /** What it was asked for by. */
  name: string
  /** Of the texts. */
  locale: string
  texts: Texts
  dir: Direction
  plural: Intl.PluralRules
  number: Intl.NumberFormat
}

function language(locale: string, texts: Texts): Language {
  // the pseudo-locale counts and tells the time as English does
  const real = locale === 'en-XA' ? 'en' : locale
  return {
    name: locale,
    locale: real,
    texts,
    dir: direction(real),
    plural: new Intl.PluralRules(real),
    number: new Intl.NumberFormat(real)
  }
}

export const spoken = signal<Language>(language('en', en))

/** The first of the wishes that there are texts for: exactly, or for its language. */
export function choose(wishes: readonly string[]): string {
  for (const wish of wishes) {
    const exact = [...Object.keys(LOCALES), 'en'].find((locale) => locale.toLowerCase() === wish.toLowerCase())
    if (exact) return exact
    const base = wish.split('-')[0]?.toLowerCase()
    const near = ['en', ...Object.keys(LOCALES)].find((locale) => locale.split('-')[0] === base)
    if (near) return near
  }
  return 'en'
}

/** The one that was asked for last. */
let wanted = 'en'

/** Speaks the best of the wishes from now on; English when its texts cannot be fetched. */
export async function speak(wishes: readonly string[]): Promise<void> {
  const locale = choose(wishes)
  wanted = locale
  let texts: Texts = en
  const load = LOCALES[locale]
  if (load)
    try {
      texts = (await load()).default
    } catch {
      if (wanted === locale) spoken.value = language('en', en)
      return
    }
  // another one may have been asked for while this one was fetched
  if (wanted === locale && locale !== spoken.value.name) spoken.value = language(locale, texts)
}

/** The text of a key with its values put in; `count` also chooses the plural. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const { texts, plural, number } = spoken.value
  const count = values.count
  const form = typeof count === 'number' ? `_${plural.select(count)}` : ''
  const text =
    texts[key + form] ??
    (form && texts[`${key}_other`]) ??
    texts[key] ??
    (en as Texts)[`${key}_other`] ??
    (en as Texts)[key] ??
    key
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name]
    return typeof value === 'number' ? number.format(value) : (value ?? '')
  })
}

/** A text cut at one of its values, so that the value can be set apart. */
export function around(key: Key, name: string): [string, string] {
  const [before = '', after = ''] = t(key, { [name]: '\u0000' }).split('\u0000')
  return [before, after]
}
