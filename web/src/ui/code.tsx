import { type MouseEvent, type ReactNode, useState } from 'react'
import { pretty } from '../api/exact'
import { useTranslation } from '../i18n'
import { Button } from './button'
import { Scroll } from './scroll'

/** A text of the wire, over several lines where it is JSON, that scrolls within itself. Copying gives the text as it is. */
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
        <CopyButton text={text} label={t('copy')} />
      </div>
    </div>
  )
}

export function CopyButton({ text, label, look = 'quiet' }: { text: string; label: string; look?: 'quiet' | 'plain' }) {
  const { t } = useTranslation()
  const [state, setState] = useState<'copied' | 'failed'>()
  const copy = async (event: MouseEvent<HTMLButtonElement>) => {
    const done = await copyText(text, event.currentTarget)
    setState(done ? 'copied' : 'failed')
    setTimeout(() => setState(undefined), done ? 2_000 : 8_000)
  }
  return (
    <Button small look={look} icon={state === 'copied' ? 'check' : state ? 'alert' : 'copy'} onClick={copy}>
      <span aria-live="polite">{state === 'copied' ? t('copied') : state ? t('copied.not') : label}</span>
    </Button>
  )
}

// The clipboard is there for secure origins only, and a self-hosted server is often reached over plain HTTP.
// Returns whether the text is on the clipboard.
async function copyText(text: string, near: HTMLElement): Promise<boolean> {
  if (navigator.clipboard)
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => copyByCommand(text, near),
    )
  return copyByCommand(text, near)
}

function copyByCommand(text: string, near: HTMLElement): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'sr-only'
  // What is outside of an open dialog cannot be selected.
  const place = near.closest('dialog') ?? document.body
  place.append(area)
  area.select()
  let put = false
  const listen = (event: ClipboardEvent) => {
    event.clipboardData?.setData('text/plain', text)
    event.preventDefault()
    put = event.clipboardData?.getData('text/plain') === text
  }
  document.addEventListener('copy', listen, { capture: true })
  const done = document.execCommand('copy')
  document.removeEventListener('copy', listen, { capture: true })
  area.remove()
  near.focus()
  return done && put
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
