import { useState } from 'react'
import type { FieldErrors } from '../api/client'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Faults, TextAreaField } from '../ui/field'
import { Card } from '../ui/page'
import { nextId, type Row, type Template } from './webhook-draft'

/** Headers of the caller's own. `errors` are by place and part ("0.key"), those of the whole under "". */
export function HeadersField({
  headers,
  onChange,
  errors,
}: {
  headers: Row[]
  onChange: (headers: Row[]) => void
  errors: FieldErrors
}) {
  const { t, server } = useTranslation()
  const set = (id: number, change: Partial<Row>) =>
    onChange(headers.map((row) => (row.id === id ? { ...row, ...change } : row)))
  return (
    <fieldset className="grid gap-2 sm:col-span-2">
      <legend className="mb-1 font-medium text-sm">{t('webhook.headers')}</legend>
      {errors['']?.length ? <Faults errors={errors[''].map(server)} /> : null}
      {headers.map((row, at) => {
        const faults = Object.entries(errors).flatMap(([field, told]) =>
          field === String(at) || field.startsWith(`${at}.`) ? told : [],
        )
        const invalid = (part: string) =>
          errors[`${at}.${part}`] !== undefined || errors[String(at)] !== undefined || undefined
        return (
          <div key={row.id}>
            <div className="grid grid-cols-[minmax(0,2fr)_minmax(0,3fr)_auto] gap-2">
              <input
                aria-label={t('webhook.header.name', { n: at + 1 })}
                placeholder="X-Team"
                aria-invalid={invalid('key')}
                aria-describedby={faults.length ? `header-${row.id}` : undefined}
                value={row.key}
                onChange={(e) => set(row.id, { key: e.target.value })}
                autoComplete="off"
                spellCheck={false}
                className="control min-w-0 font-mono text-sm"
              />
              <input
                aria-label={t('webhook.header.value', { n: at + 1 })}
                aria-invalid={invalid('value')}
                aria-describedby={faults.length ? `header-${row.id}` : undefined}
                value={row.value}
                onChange={(e) => set(row.id, { value: e.target.value })}
                autoComplete="off"
                spellCheck={false}
                className="control min-w-0 font-mono text-sm"
              />
              <Button
                look="quiet"
                icon="cross"
                aria-label={t('webhook.header.remove', { n: at + 1 })}
                onClick={() => onChange(headers.filter((other) => other.id !== row.id))}
              />
            </div>
            {faults.length > 0 && <Faults id={`header-${row.id}`} errors={faults.map(server)} />}
          </div>
        )
      })}
      <div>
        <Button small icon="plus" onClick={() => onChange([...headers, { id: nextId(), key: '', value: '' }])}>
          {t('webhook.header.add')}
        </Button>
      </div>
    </fieldset>
  )
}

/** Bodies to send in place of the standard one, an event type each. */
export function TemplatesField({
  templates,
  events,
  onChange,
  errors,
}: {
  templates: Template[]
  events: string[]
  onChange: (templates: Template[]) => void
  errors: FieldErrors
}) {
  const { t } = useTranslation()
  const free = events.filter((event) => !templates.some((template) => template.event === event))
  const [next, setNext] = useState('')
  const chosen = free.includes(next) ? next : (free[0] ?? '')
  const start = '{\n  "event": "{{event}}"\n}'
  return (
    <Card title={t('webhook.templates')} id="templates">
      <div className="grid gap-4 p-4 pt-1">
        <p className="max-w-prose text-muted text-sm">{t('webhook.templates.hint', { example: '{{call.id}}' })}</p>
        {templates.map((template) => (
          <div key={template.id} className="grid gap-1">
            <TextAreaField
              label={<code className="wrap-anywhere">{template.event}</code>}
              rows={Math.min(Math.max(template.text.split('\n').length, 4), 16)}
              value={template.text}
              onChange={(e) =>
                onChange(
                  templates.map((other) => (other.id === template.id ? { ...other, text: e.target.value } : other)),
                )
              }
              errors={errors[template.event]}
            />
            <div>
              <Button
                small
                look="quiet"
                icon="trash"
                onClick={() => onChange(templates.filter((other) => other.id !== template.id))}
              >
                {t('webhook.template.remove')}
              </Button>
            </div>
          </div>
        ))}
        {free.length > 0 && (
          <div className="flex flex-wrap gap-2">
            <select
              aria-label={t('webhook.template.event')}
              value={chosen}
              onChange={(e) => setNext(e.target.value)}
              className="control min-w-0 flex-1 basis-48"
            >
              {free.map((event) => (
                <option key={event}>{event}</option>
              ))}
            </select>
            <Button icon="plus" onClick={() => onChange([...templates, { id: nextId(), event: chosen, text: start }])}>
              {t('webhook.template.add')}
            </Button>
          </div>
        )}
      </div>
    </Card>
  )
}
