import { type ReactNode, useState } from 'react'
import { useTranslation } from '../i18n'
import { Button } from './button'
import { Scroll } from './scroll'

/** JSON set out over lines; any other text as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/** A text of the wire, set out, that scrolls within itself and can be copied. */
export function Code({ text, label, empty }: { text: string; label: string; empty?: string }) {
  const { t } = useTranslation()
  if (text === '') return <p className="text-muted">{empty ?? t('nothing')}</p>
  const shown = pretty(text)
  return (
    <div className="relative min-w-0">
      <Scroll label={label} className="max-h-96 rounded-lg bg-sunken p-3 pr-20 leading-5">
        <pre>
          <code>{shown}</code>
        </pre>
      </Scroll>
      <div className="absolute top-1.5 right-1.5">
        <CopyButton text={shown} label={t('copy')} />
      </div>
    </div>
  )
}

export function CopyButton({ text, label, look = 'quiet' }: { text: string; label: string; look?: 'quiet' | 'plain' }) {
  const { t } = useTranslation()
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await copyText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 2_000)
  }
  return (
    <Button small look={look} icon={copied ? 'check' : 'copy'} onClick={copy}>
      <span aria-live="polite">{copied ? t('copied') : label}</span>
    </Button>
  )
}

// The clipboard is there for secure origins only, and a self-hosted server is often reached over plain HTTP.
async function copyText(text: string) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

export function Headers({
  of,
  empty,
  note,
}: {
  of: Record<string, string> | undefined
  empty: string
  /** What is to be said of a header beside its value. */
  note?: (name: string) => ReactNode
}) {
  const entries = Object.entries(of ?? {}).sort(([a], [b]) => a.localeCompare(b))
  if (entries.length === 0) return <p className="text-muted">{empty}</p>
  return (
    <dl className="grid gap-x-4 gap-y-1 font-mono text-[0.8125rem] sm:grid-cols-[minmax(0,14rem)_minmax(0,1fr)]">
      {entries.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="wrap-anywhere text-muted">{name}</dt>
          <dd className="wrap-anywhere mb-1 sm:mb-0">
            {value}
            {note?.(name)}
          </dd>
        </div>
      ))}
    </dl>
  )
}
