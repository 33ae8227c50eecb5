import { useId, useState } from 'react'
import type { Kind } from '../api/kinds'
import type { AvailableEvent } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { CheckField, Faults } from '../ui/field'
import { Card } from '../ui/page'

/** Which events a webhook gets, with what each means. */
export function EventsField({
  kind,
  available,
  chosen,
  onChange,
  errors,
  calls,
  onCalls,
}: {
  kind: Kind
  available: AvailableEvent[]
  chosen: string[]
  onChange: (chosen: string[]) => void
  errors: string[]
  calls?: boolean
  onCalls?: (calls: boolean) => void
}) {
  const { t, server, eventMeaning } = useTranslation()
  const id = useId()
  const [find, setFind] = useState('')
  const meaning = (event: AvailableEvent) => eventMeaning(event.name) ?? event.meaning
  const wanted = find.trim().toLowerCase()
  const shown = available.filter((event) => `${event.name} ${meaning(event) ?? ''}`.toLowerCase().includes(wanted))
  const all = shown.every(({ name }) => chosen.includes(name))
  const toggle = (name: string, on: boolean) =>
    onChange(on ? [...chosen, name] : chosen.filter((other) => other !== name))
  const toggleShown = () => {
    const names = shown.map(({ name }) => name)
    onChange(all ? chosen.filter((name) => !names.includes(name)) : [...new Set([...chosen, ...names])])
  }
  return (
    <Card
      title={t('webhook.events')}
      id={`${id}-title`}
      aside={
        <span className="text-muted text-sm">
          {t('webhook.events.chosen', { n: chosen.length, of: available.length })}
        </span>
      }
    >
      <fieldset
        tabIndex={-1}
        aria-invalid={errors.length > 0 || undefined}
        aria-describedby={errors.length > 0 ? `${id}-errors` : undefined}
        className="grid gap-3 p-4 pt-2 outline-none"
      >
        <legend className="sr-only">{t('webhook.events')}</legend>
        {errors.length > 0 && <Faults id={`${id}-errors`} errors={errors.map(server)} />}
        <div className="flex flex-wrap gap-2">
          <input
            type="search"
            aria-label={t('webhook.events.search')}
            placeholder={t('webhook.events.search')}
            value={find}
            onChange={(event) => setFind(event.target.value)}
            onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
            className="control min-w-0 flex-1 basis-48 placeholder:text-muted"
          />
          <Button disabled={shown.length === 0} onClick={toggleShown}>
            {t(all && shown.length > 0 ? 'webhook.events.clear' : 'webhook.events.all')}
          </Button>
        </div>
        <ul className="grid max-h-80 gap-x-6 gap-y-1.5 overflow-y-auto rounded-lg border border-line p-3 sm:grid-cols-2">
          {shown.map((event) => (
            <li key={event.name}>
              <CheckField
                label={<code className="wrap-anywhere">{event.name}</code>}
                hint={meaning(event)}
                checked={chosen.includes(event.name)}
                onChange={(e) => toggle(event.name, e.target.checked)}
              />
            </li>
          ))}
          {shown.length === 0 && <li className="text-muted">{t('search.none', { text: find })}</li>}
        </ul>
        {kind === 'campaigns' && onCalls && (
          <CheckField
            label={t('webhook.calls')}
            hint={t('webhook.calls.hint')}
            checked={calls ?? false}
            onChange={(event) => onCalls(event.target.checked)}
          />
        )}
      </fieldset>
    </Card>
  )
}
