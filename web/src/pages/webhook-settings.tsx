import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Place } from '../api/owned'
import {
  type AvailableEvent,
  isVersionConflict,
  useDeleteWebhook,
  useSaveWebhook,
  useWebhook,
  useWebhooks,
  type Webhook,
} from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Missing, useMay } from '../scope'
import { Button } from '../ui/button'
import { Loaded } from '../ui/loaded'
import { Card, Loading } from '../ui/page'
import { useToast } from '../ui/toast'
import { Unsaved } from '../ui/unsaved'
import { ConflictDialog } from './conflict-dialog'
import { DeleteDialog } from './delete-dialog'
import { placeOf } from './place'
import { type Conflict, changedBy, changes, conflicts, type Draft, draftOf, isChanged, rebase } from './webhook-draft'
import { WebhookForm } from './webhook-form'
import { MadeSecret, SecretCard } from './webhook-secret'

const route = getRouteApi('/$kind/$owner/$webhook/settings')

export function WebhookSettingsPage() {
  const { t } = useTranslation()
  const place = placeOf(route.useParams())
  const webhook = useWebhook(place)
  const webhooks = useWebhooks(place.owner)
  const may = useMay('webhooks')
  // What went wrong with the webhook itself stands above all of its pages.
  if (!webhook.data) return webhook.error ? null : <Loading label={t('loading')} rows={8} />
  const { data } = webhook
  return (
    <fieldset disabled={!may} className="grid min-w-0 gap-8">
      {!may && <Missing scope="webhooks" />}
      <Loaded of={webhooks} rows={8}>
        {({ events }) => <Settings place={place} webhook={data} events={events} refetch={webhook.refetch} />}
      </Loaded>
      {data.has_secret && <SecretCard place={place} webhook={data} />}
      {may && <Deletion place={place} webhook={data} />}
    </fieldset>
  )
}

/** What is being edited, and the version of the webhook that it began with. */
interface Edit {
  base: Webhook
  initial: Draft
  draft: Draft
}

const editOf = (base: Webhook): Edit => {
  const initial = draftOf(base)
  return { base, initial, draft: initial }
}

/** Whether the secrets of two versions differ: of what is never shown, these are the traces. */
const secretsDiffer = (a: Webhook, b: Webhook) =>
  a.has_secret !== b.has_secret ||
  a.public_key !== b.public_key ||
  (a.previous_secrets?.length ?? 0) < (b.previous_secrets?.length ?? 0)

function Settings({
  place,
  webhook,
  events,
  refetch,
}: {
  place: Place
  webhook: Webhook
  events: AvailableEvent[]
  refetch: () => Promise<{ data: Webhook | undefined; error: unknown }>
}) {
  const { t } = useTranslation()
  const say = useToast()
  const save = useSaveWebhook(place)
  const [edit, setEdit] = useState(() => editOf(webhook))
  const [contested, setContested] = useState<{ theirs: Webhook; conflicts: Conflict[] }>()
  const [made, setMade] = useState('')
  const changed = isChanged(edit.initial, edit.draft)
  // As long as nothing was typed the form shows the webhook as it is by now.
  if (!changed && !save.isPending && !contested && webhook.version > edit.base.version) setEdit(editOf(webhook))

  const send = (sent: Edit, also: string[] = []) =>
    save.mutate(
      { change: changes(sent.initial, sent.draft, false), version: sent.base.version },
      {
        onSuccess: (saved) => {
          say(also.length > 0 ? t('saved.also', { fields: also.join(', ') }) : t('saved'))
          setMade(saved.webhook_secret ?? '')
          setContested(undefined)
          // What was typed since it was sent is not saved, and stays.
          const initial = draftOf(saved)
          setEdit((now) => ({ base: saved, initial, draft: rebase(sent.draft, now.draft, initial) }))
        },
        onError: (fault) => {
          if (isVersionConflict(fault)) reconcile(sent)
        },
      },
    )

  // Somebody else has changed the webhook: what does not contradict is saved on top of it, the rest is asked.
  const reconcile = async (sent: Edit) => {
    const { data: theirs, error } = await refetch()
    if (!theirs || error) return
    const current = draftOf(theirs)
    const found = conflicts(sent.initial, sent.draft, current, secretsDiffer(sent.base, theirs))
    if (found.length > 0) setContested({ theirs, conflicts: found })
    else resume(sent, theirs)
  }
  const resume = (sent: Edit, theirs: Webhook, givenUp: Conflict['field'][] = []) => {
    const initial = draftOf(theirs)
    const next = { base: theirs, initial, draft: rebase(sent.initial, sent.draft, initial, givenUp) }
    setEdit(next)
    send(
      next,
      changedBy(sent.initial, initial).map((label) => t(label as 'name')),
    )
  }

  // A secret is under way, or shown: leaving would lose it.
  const once = made !== '' || (save.isPending && edit.draft.makeSecret)
  const working = save.isPending || contested !== undefined
  return (
    <>
      <Unsaved when={changed || once} locked={once} />
      <WebhookForm
        kind={place.owner.kind}
        draft={edit.draft}
        onChange={(change) => setEdit((now) => ({ ...now, draft: change(now.draft) }))}
        events={events}
        hasSecret={webhook.has_secret}
        isNew={false}
        busy={working}
        failure={isVersionConflict(save.error) && working ? null : save.error}
        onSave={() => send(edit)}
      />
      {contested && (
        <ConflictDialog
          conflicts={contested.conflicts}
          busy={save.isPending}
          onClose={() => setContested(undefined)}
          onDecided={(givenUp) => {
            resume(edit, contested.theirs, givenUp)
          }}
        />
      )}
      {made !== '' && <MadeSecret secret={made} onClose={() => setMade('')} />}
    </>
  )
}

function Deletion({ place, webhook }: { place: Place; webhook: Webhook }) {
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
          name={webhook.name}
          remove={{ ...remove, mutate: (_, then) => remove.mutate(webhook.version, then) }}
          onClose={() => setAsking(false)}
          onDeleted={() => navigate({ to: '/$kind/$owner', params: { kind, owner: id }, ignoreBlocker: true })}
        />
      )}
    </Card>
  )
}
