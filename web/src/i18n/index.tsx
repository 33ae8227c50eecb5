import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'
import { en } from './en'
import { type Formats, formats } from './formats'
import { format, type Message, type Values } from './message'
import { ptBR } from './pt-BR'
import { translateServerText } from './server'

export type Key = keyof typeof en
export type Language = 'en' | 'pt-BR'
/** A whole catalogue: every key of the English one, and no other. */
export type Catalogue = Record<Key, Message>

export const catalogues: Record<Language, Catalogue> = { en, 'pt-BR': ptBR }
const stored = 'carteiro.language'

/** The event types that are built in, but for that of tests. */
export const eventTypes = Object.keys(en)
  .filter((key) => /^event\.(event_|campaign|webhook\.|delivery\.)/.test(key) && key !== 'event.webhook.test')
  .map((key) => key.slice('event.'.length))

type Arguments<K extends Key> = keyof Values<(typeof en)[K]> extends never ? [] : [values: Values<(typeof en)[K]>]

export interface Translation extends Formats {
  language: Language
  setLanguage: (language: Language) => void
  t: <K extends Key>(key: K, ...values: Arguments<K>) => string
  /** What the server says in English, in the reader's language where it is known; as it came otherwise. */
  server: (text: string) => string
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

export function TranslationProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(() =>
    preferredLanguage(localStorage.getItem(stored), navigator.languages),
  )
  useEffect(() => {
    document.documentElement.lang = language
  }, [language])
  const translation = useMemo(() => translate(language, setLanguage), [language])
  return <Context value={translation}>{children}</Context>
}

function translate(language: Language, set: (language: Language) => void): Translation {
  const catalogue = catalogues[language]
  const plural = new Intl.PluralRules(language)
  const f = formats(language)
  return {
    ...f,
    language,
    setLanguage: (chosen) => {
      localStorage.setItem(stored, chosen)
      set(chosen)
    },
    t: (key, ...values) => format(catalogue[key], values[0] ?? {}, plural, f.number),
    server: (text) => (language === 'en' ? text : translateServerText(text)),
    eventMeaning: (event) => {
      const message: Message | undefined = catalogue[`event.${event}` as Key]
      return typeof message === 'string' ? message : undefined
    },
  }
}

export function useTranslation(): Translation {
  const translation = useContext(Context)
  if (!translation) throw new Error('useTranslation outside of TranslationProvider')
  return translation
}
