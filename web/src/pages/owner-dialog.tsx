import { type FormEvent, useState } from 'react'
import { ApiError, formErrors } from '../api/client'
import type { Registered } from '../api/kinds'
import { type OwnerShown, useSaveOwner } from '../api/owners'
import { useTranslation } from '../i18n'
import { Dialog, DialogButtons } from '../ui/dialog'
import { TextField } from '../ui/field'
import { Fault } from '../ui/notice'
import { Unsaved } from '../ui/unsaved'

/** Makes an agent or campaign, or renames one. */
export function OwnerDialog({
  kind,
  owner,
  onClose,
  onSaved,
}: {
  kind: Registered
  owner?: Pick<OwnerShown, 'id' | 'name' | 'agent_id'>
  onClose: () => void
  onSaved: (owner: OwnerShown) => void
}) {
  const { t } = useTranslation()
  const save = useSaveOwner(kind)
  const [first] = useState(owner?.name ?? '')
  const [name, setName] = useState(first)
  const [id, setId] = useState('')
  const [was] = useState(owner?.agent_id ?? '')
  const [agent, setAgent] = useState(was)
  const hasControl = (field: string) => field === 'name' || (kind === 'campaigns' && field === 'agent_id')
  const { errors, fault } = formErrors(save.error, hasControl)
  const badId = save.error instanceof ApiError && save.error.status === 404 && id !== ''
  const taken = save.error instanceof ApiError && save.error.status === 412 && !owner
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const under = owner?.id ?? (id.trim() || undefined)
    save.mutate(
      {
        isNew: !owner,
        name,
        ...(under && { id: under }),
        // What was not changed is not sent: somebody else may have changed it.
        ...(kind === 'campaigns' && (!owner || agent !== was) && { agent_id: agent.trim() || null }),
      },
      { onSuccess: onSaved },
    )
  }
  return (
    <Dialog title={owner ? t('rename') : t(`${kind}.new`)} onClose={onClose} locked={save.isPending}>
      <Unsaved when={!save.isSuccess && (name !== first || id !== '' || agent !== was)} />
      <form onSubmit={submit} noValidate className="grid gap-4">
        <TextField
          label={t('name')}
          data-first
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
          errors={errors.name}
        />
        {!owner && (
          <TextField
            label={t('owner.id')}
            hint={t('owner.id.hint')}
            className="font-mono"
            value={id}
            onChange={(event) => setId(event.target.value)}
            errors={badId ? [t('owner.id.bad')] : taken ? [t(`${kind}.taken`)] : undefined}
          />
        )}
        {kind === 'campaigns' && (
          <TextField
            label={t('campaign.agent')}
            hint={t('campaign.agent.hint')}
            value={agent}
            onChange={(event) => setAgent(event.target.value)}
            errors={errors.agent_id}
          />
        )}
        {fault !== undefined && !badId && !taken && <Fault of={fault} />}
        <DialogButtons action={t('save')} busy={save.isPending} onCancel={onClose} />
      </form>
    </Dialog>
  )
}
