import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'
import { keep, recall } from '../storage'
import type { Catalog, Key } from './catalog'
import type { en } from './en'
import { type Formats, formats } from './formats'
import { format, type Message, type Values } from './message'

export type { Key } from './catalog'
export type Language = 'en' | 'pt-BR'

const stored = 'carteiro.language'

/** What is loaded for one language. */
export interface Loaded {
  language: Language
  catalog: Catalog
  /** Translate a text of the server. */
  server: (text: string) => string
}

/** Load the texts of a language. Each is a file of its own, so that a reader loads one. */
export async function loadLanguage(language: Language): Promise<Loaded> {
  if (language === 'en') return { language, catalog: (await import('./en')).en, server: (text) => text }
  const [{ ptBR }, { translateServerText }] = await Promise.all([import('./pt-BR'), import('./server')])
  return { language, catalog: ptBR, server: translateServerText }
}

type Arguments<K extends Key> = keyof Values<(typeof en)[K]> extends never ? [] : [values: Values<(typeof en)[K]>]

export interface Translation extends Formats {
  language: Language
  /** Rejects when the language's texts cannot be loaded; the language stays what it was then. */
  setLanguage: (language: Language) => Promise<void>
  t: <K extends Key>(key: K, ...values: Arguments<K>) => string
  /** What the server says in English, in the reader's language where it is known; as it came otherwise. */
  server: (text: string) => string
  /** The built-in event types, except that of tests. */
  eventTypes: string[]
  /** What an event type means, or nothing when it is the operator's own. */
  eventMeaning: (event: string) => string | undefined
}

const Context = createContext<Translation | null>(null)

export function preferredLanguage(chosen: string | null, wanted: readonly string[]): Language {
  if (chosen === 'en' || chosen === 'pt-BR') return chosen
  for (const tag of wanted) {
    if (/^pt\b/i.test(tag)) return 'pt-BR'
    if (/^en\b/i.test(tag)) return 'en'
  }
  return 'en'
}

/** The language to begin with. */
export const initialLanguage = () => preferredLanguage(recall(stored), navigator.languages)

export function TranslationProvider({ initial, children }: { initial: Loaded; children: ReactNode }) {
  const [loaded, setLoaded] = useState(initial)
  useEffect(() => {
    document.documentElement.lang = loaded.language
  }, [loaded])
  const translation = useMemo(
    () =>
      translate(loaded, async (chosen) => {
        setLoaded(await loadLanguage(chosen))
        keep(stored, chosen)
      }),
    [loaded],
  )
  return <Context value={translation}>{children}</Context>
}

export function translate(
  { language, catalog, server }: Loaded,
  setLanguage: (language: Language) => Promise<void>,
): Translation {
  const plural = new Intl.PluralRules(language)
  const f = formats(language)
  return {
    ...f,
    language,
    setLanguage,
    t: (key, ...values) => {
      const message: Message | undefined = catalog[key]
      return message === undefined ? wordOf(key) : format(message, values[0] ?? {}, plural, f.number)
    },
    server,
    eventTypes: Object.keys(catalog)
      .filter((key) => /^event\.(event_|campaign|webhook\.|delivery\.)/.test(key) && key !== 'event.webhook.test')
      .map((key) => key.slice('event.'.length)),
    eventMeaning: (event) => {
      const message: Message | undefined = catalog[`event.${event}` as Key]
      return typeof message === 'string' ? message : undefined
    },
  }
}

/**
 * Stands in for a text that the catalog lacks: the server is newer than this page and answered with a word the page does not
 * know, as in `audit.webhook.paused`.
 */
const wordOf = (key: string) => key.slice(key.indexOf('.') + 1)

export function useTranslation(): Translation {
  const translation = useContext(Context)
  if (!translation) throw new Error('useTranslation outside of TranslationProvider')
  return translation
}
