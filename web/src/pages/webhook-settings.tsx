import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Place } from '../api/owned'
import { useDeleteWebhook, useSaveWebhook, useWebhook, useWebhooks } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Missing, useMay } from '../scope'
import { Button } from '../ui/button'
import { Fault } from '../ui/notice'
import { Card, Loading } from '../ui/page'
import { useToast } from '../ui/toast'
import { DeleteDialog } from './delete-dialog'
import { placeOf } from './place'
import { draftOf } from './webhook-draft'
import { WebhookForm } from './webhook-form'
import { MadeSecret, SecretCard } from './webhook-secret'

const route = getRouteApi('/$kind/$owner/$webhook/settings')

export function WebhookSettingsPage() {
  const { t } = useTranslation()
  const place = placeOf(route.useParams())
  const say = useToast()
  const webhook = useWebhook(place)
  const webhooks = useWebhooks(place.owner)
  const save = useSaveWebhook(place)
  // What was saved is what the next change is compared with: hence a new form after each save, and only then, so that
  // nothing that is being typed gets lost to a change from elsewhere.
  const [saves, setSaves] = useState(0)
  const [made, setMade] = useState('')
  const may = useMay('webhooks')
  const fault = webhooks.error
  if (fault) return <Fault of={fault} retry={() => webhooks.refetch()} />
  if (webhook.error) return null
  if (!webhook.data || !webhooks.data) return <Loading label={t('loading')} rows={8} />
  return (
    <fieldset disabled={!may} className="grid min-w-0 gap-8">
      {!may && <Missing scope="webhooks" />}
      <WebhookForm
        key={saves}
        kind={place.owner.kind}
        draft={draftOf(webhook.data)}
        events={webhooks.data.events}
        hasSecret={webhook.data.has_secret}
        isNew={false}
        busy={save.isPending}
        fault={save.error}
        onSave={(input) =>
          save.mutate(input, {
            onSuccess: ({ webhook_secret }) => {
              say(t('saved'))
              setMade(webhook_secret ?? '')
              setSaves(saves + 1)
            },
          })
        }
      />
      {made !== '' && <MadeSecret secret={made} onClose={() => setMade('')} />}
      {webhook.data.has_secret && <SecretCard place={place} webhook={webhook.data} />}
      {may && <Deletion place={place} name={webhook.data.name} />}
    </fieldset>
  )
}

function Deletion({ place, name }: { place: Place; name: string }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const remove = useDeleteWebhook(place)
  const [asking, setAsking] = useState(false)
  const { kind, id } = place.owner
  return (
    <Card title={t('webhook.delete')} id="delete" className="max-w-3xl">
      <div className="flex flex-wrap items-center justify-between gap-3 p-4 pt-1">
        <p className="max-w-prose text-muted">{t('webhook.delete.what')}</p>
        <Button icon="trash" onClick={() => setAsking(true)}>
          {t('delete')}
        </Button>
      </div>
      {asking && (
        <DeleteDialog
          title={t('webhook.delete')}
          what={t('webhook.delete.what')}
          name={name}
          remove={remove}
          onClose={() => setAsking(false)}
          onDeleted={() => navigate({ to: '/$kind/$owner', params: { kind, owner: id } })}
        />
      )}
    </Card>
  )
}
