import { type FormEvent, useState } from 'react'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Choice } from '../ui/choice'
import { Dialog } from '../ui/dialog'
import type { Conflict } from './webhook-draft'

/** Asks whose settings count where two people have changed the same ones. */
export function ConflictDialog({
  conflicts,
  busy,
  onClose,
  onDecided,
}: {
  conflicts: Conflict[]
  busy: boolean
  onClose: () => void
  /** The fields of which the stored settings stay. */
  onDecided: (givenUp: Conflict['field'][]) => void
}) {
  const { t } = useTranslation()
  const [chosen, setChosen] = useState<Partial<Record<Conflict['field'], 'mine' | 'theirs'>>>({})
  const mine = conflicts.filter(({ changedByMe }) => changedByMe)
  const open = mine.some(({ field }) => !chosen[field])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!open) onDecided(mine.filter(({ field }) => chosen[field] === 'theirs').map(({ field }) => field))
  }
  return (
    <Dialog title={t('conflict')} onClose={onClose} wide locked={busy}>
      <form onSubmit={submit} className="grid gap-4">
        <p className="max-w-prose text-muted">{t('conflict.what')}</p>
        <ul className="divide-y divide-line rounded-lg border border-line">
          {conflicts.map((conflict) => {
            const label = t(conflict.label as 'name')
            return (
              <li key={conflict.field} className="grid gap-2 p-3">
                <div className="flex flex-wrap items-center justify-between gap-2">
                  <h3 className="font-medium">{label}</h3>
                  {conflict.changedByMe ? (
                    <Choice
                      label={label}
                      value={chosen[conflict.field] ?? ('' as 'mine')}
                      options={[
                        { value: 'mine', label: t('conflict.mine.keep') },
                        { value: 'theirs', label: t('conflict.theirs.keep') },
                      ]}
                      onChange={(side) => setChosen((all) => ({ ...all, [conflict.field]: side }))}
                    />
                  ) : (
                    <span className="text-muted text-sm">{t('conflict.related')}</span>
                  )}
                </div>
                <dl className="grid gap-x-4 gap-y-2 text-sm sm:grid-cols-2">
                  <Side label={t('conflict.mine')} value={conflict.mine} changed={conflict.changedByMe} />
                  <Side label={t('conflict.theirs')} value={conflict.theirs} changed={conflict.changedByThem} />
                </dl>
              </li>
            )
          })}
        </ul>
        <div className="flex flex-wrap justify-end gap-2">
          <Button disabled={busy} onClick={onClose}>
            {t('conflict.edit')}
          </Button>
          <Button type="submit" look="primary" disabled={open} busy={busy}>
            {t('conflict.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function Side({ label, value, changed }: { label: string; value: string | undefined; changed: boolean }) {
  const { t } = useTranslation()
  return (
    <div className="min-w-0">
      <dt className="text-muted text-xs">{label}</dt>
      <dd className="wrap-anywhere max-h-40 overflow-y-auto whitespace-pre-wrap font-mono text-[0.8125rem]">
        {value === undefined ? (
          <span className="font-sans text-muted">{t(changed ? 'conflict.secret' : 'conflict.secret.same')}</span>
        ) : value === '' ? (
          <span className="font-sans text-muted">{t('nothing')}</span>
        ) : (
          value
        )}
      </dd>
    </div>
  )
}
