import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useId, useState } from 'react'
import type { Place } from '../api/deliveries'
import { ownerOf, type StoredEvent, useReplay } from '../api/events'
import type { Owner } from '../api/owners'
import { useWebhooks, type Webhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { Fault } from '../ui/notice'
import { Loading } from '../ui/page'
import { Status } from '../ui/status'

interface Target {
  owner: Owner
  webhook: Webhook
}

/** Asks which webhook an event is to be sent to: one of its agent or campaign, or of the campaign that its call belongs to. */
export function SendDialog({ event, onClose }: { event: StoredEvent; onClose: () => void }) {
  const { t } = useTranslation()
  const name = useId()
  const navigate = useNavigate()
  const send = useReplay()
  const own = ownerOf(event)
  const campaign: Owner = { kind: 'campaigns', id: event.campaign_id ?? own.id }
  const owned = useWebhooks(own)
  const campaigns = useWebhooks(event.campaign_id ? campaign : own)
  const [chosen, setChosen] = useState('')
  const targets: Target[] = (owned.data?.webhooks ?? []).map((webhook) => ({ owner: own, webhook }))
  if (event.agent_id && event.campaign_id)
    for (const webhook of campaigns.data?.webhooks ?? [])
      if (webhook.include_call_events) targets.push({ owner: campaign, webhook })
  const target = targets.find(({ webhook }) => webhook.id === chosen)
  const submit = (submitted: FormEvent) => {
    submitted.preventDefault()
    if (!target) return
    const place: Place = { owner: target.owner, webhook: target.webhook.id }
    send.mutate(
      { place, input: { event_ids: [event.id] } },
      {
        onSuccess: (job) =>
          navigate({
            to: '/$kind/$owner/$webhook/retries/$job',
            params: { kind: place.owner.kind, owner: place.owner.id, webhook: place.webhook, job: job.id },
          }),
      },
    )
  }
  return (
    <Dialog title={t('event.send')} onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4">
        {owned.error ? (
          <Fault of={owned.error} retry={() => owned.refetch()} />
        ) : !owned.data ? (
          <Loading label={t('loading')} rows={2} />
        ) : targets.length === 0 ? (
          <p className="text-muted">{t('event.send.none')}</p>
        ) : (
          <fieldset className="grid gap-1">
            <legend className="mb-2 text-muted">{t('event.send.which')}</legend>
            {targets.map(({ webhook }) => (
              <label
                key={webhook.id}
                className="flex items-center gap-2.5 rounded-lg border border-line px-3 py-2 has-checked:border-accent has-disabled:opacity-70"
              >
                <input
                  type="radio"
                  name={name}
                  value={webhook.id}
                  checked={webhook.id === chosen}
                  disabled={!webhook.enabled}
                  onChange={() => setChosen(webhook.id)}
                  className="size-4 shrink-0 accent-accent"
                />
                <span className="wrap-anywhere min-w-0 flex-1">
                  {webhook.name}
                  <span className="block text-muted text-xs">{webhook.webhook_url}</span>
                </span>
                <Status of={webhook.status} />
              </label>
            ))}
          </fieldset>
        )}
        <p className="text-muted text-sm">{t('event.send.what')}</p>
        {send.error && <Fault of={send.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button type="submit" look="primary" icon="envelope" busy={send.isPending} disabled={!target}>
            {t('event.send.now')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
