import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useId, useState } from 'react'
import { type StoredEvent, useReplay } from '../api/events'
import { type Owner, ownerOf } from '../api/kinds'
import type { Place } from '../api/owned'
import { useWebhooks, type Webhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Dialog, DialogButtons } from '../ui/dialog'
import { Loaded } from '../ui/loaded'
import { Fault } from '../ui/notice'
import { Status } from '../ui/status'
import { paramsOf } from './place'

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
            params: { ...paramsOf(place), job: job.id },
          }),
      },
    )
  }
  return (
    <Dialog title={t('event.send')} onClose={onClose} locked={send.isPending}>
      <form onSubmit={submit} className="grid gap-4">
        <Loaded of={owned} rows={2}>
          {() =>
            targets.length === 0 ? (
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
            )
          }
        </Loaded>
        <p className="text-muted text-sm">{t('event.send.what')}</p>
        {send.error && <Fault of={send.error} />}
        <DialogButtons
          action={t('event.send.now')}
          icon="envelope"
          busy={send.isPending}
          disabled={!target}
          onCancel={onClose}
        />
      </form>
    </Dialog>
  )
}
