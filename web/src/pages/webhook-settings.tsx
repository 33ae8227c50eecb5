import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useDeleteWebhook, useSaveWebhook, useWebhook, useWebhooks } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Missing, useMay } from '../scope'
import { Button } from '../ui/button'
import { Confirm } from '../ui/confirm'
import { Fault } from '../ui/notice'
import { Card, Loading } from '../ui/page'
import { useToast } from '../ui/toast'
import { draftOf } from './webhook-draft'
import { WebhookForm } from './webhook-form'
import { MadeSecret, SecretCard } from './webhook-secret'

const route = getRouteApi('/$kind/$owner/$webhook/settings')

export function WebhookSettingsPage() {
  const { t } = useTranslation()
  const { kind, owner: ownerId, webhook: id } = route.useParams()
  const owner = { kind, id: ownerId }
  const say = useToast()
  const webhook = useWebhook(owner, id)
  const webhooks = useWebhooks(owner)
  const save = useSaveWebhook(owner, id)
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
        kind={kind}
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
      {webhook.data.has_secret && <SecretCard owner={owner} webhook={webhook.data} />}
      {may && <Deletion name={webhook.data.name} />}
    </fieldset>
  )
}

function Deletion({ name }: { name: string }) {
  const { t } = useTranslation()
  const { kind, owner, webhook } = route.useParams()
  const navigate = useNavigate()
  const say = useToast()
  const remove = useDeleteWebhook({ kind, id: owner }, webhook)
  const [asking, setAsking] = useState(false)
  return (
    <Card title={t('webhook.delete')} id="delete" className="max-w-3xl">
      <div className="flex flex-wrap items-center justify-between gap-3 p-4 pt-1">
        <p className="max-w-prose text-muted">{t('webhook.delete.what')}</p>
        <Button icon="trash" onClick={() => setAsking(true)}>
          {t('delete')}
        </Button>
      </div>
      {asking && (
        <Confirm
          title={t('webhook.delete')}
          name={name}
          action={t('delete')}
          busy={remove.isPending}
          fault={remove.error}
          onClose={() => setAsking(false)}
          onConfirm={() =>
            remove.mutate(undefined, {
              onSuccess: () => {
                say(t('deleted', { name }))
                navigate({ to: '/$kind/$owner', params: { kind, owner } })
              },
            })
          }
        >
          {t('webhook.delete.what')}
        </Confirm>
      )}
    </Card>
  )
}
