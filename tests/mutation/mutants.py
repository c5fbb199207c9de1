"""Breakages of the product that the tests must notice. Each replaces one piece of its code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old`, which stands exactly once in `file`, becomes `new`; then some of `tests` must fail.

    `tests` are pytest's, or those of one file of Vitest. The gallery is built anew for pytest's.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str


PRIMARY = "tests/contract/test_primary.py"
DELETION = "tests/contract/test_deletion.py"
SYNC = "tests/contract/test_sync.py"
PARTITION = "tests/contract/test_partition.py"
WIRE = "tests/contract/test_wire.py"
FOLDING = "tests/contract/test_folding.py"

OUTBOX = "gallery/src/library/outbox.test.ts"
REMOVAL = "gallery/src/library/removal.test.ts"
LIBRARY = "gallery/src/library/library.test.ts"
QUERIES = "gallery/src/library/queries.test.ts"
SESSION = "gallery/src/session/session.test.ts"
CLIENT = "gallery/src/api/client.test.ts"

MUTANTS = [
    # Append
    Mutant(
        "put-without-its-condition",
        "chalicelib/log.py",
        '            "ConditionExpression": NOTHING_THERE,\n',
        "",
        f"{PRIMARY} -k only_where_nothing_is",
    ),
    Mutant(
        "put-without-its-condition-races",
        "chalicelib/log.py",
        '            "ConditionExpression": NOTHING_THERE,\n',
        "",
        "tests/race -k eight_writers",
    ),
    Mutant(
        "own-idem-not-recognised",
        "chalicelib/primary.py",
        "    if all(found == idem for found in idems):\n",
        "    if all(found is None for found in idems):\n",
        f"{PRIMARY} -k lost_reply",
    ),
    Mutant(
        "unknown-outcome-retried-at-the-next-cursor",
        "chalicelib/primary.py",
        "                    unknown = True\n",
        "                    unknown, tail = True, None\n",
        f"{PRIMARY} -k same_cursor",
    ),
    Mutant(
        "own-idem-in-part-of-a-batch-taken-for-success",
        "chalicelib/primary.py",
        "    if all(found == idem for found in idems):\n",
        "    if any(found == idem for found in idems):\n",
        "tests/unit/test_primary_rules.py",
    ),
    Mutant(
        "conflict-taken-for-anothers-entry",
        "chalicelib/primary.py",
        "    if any(found not in (None, idem) for found in idems):\n",
        "    if any(found != idem for found in idems):\n",
        "tests/unit/test_primary_rules.py",
    ),
    Mutant(
        "tail-overestimated",
        "chalicelib/primary.py",
        "        return end_of([entry_from_item(item)])\n",
        "        end = end_of([entry_from_item(item)])\n"
        "        return Tail(Cursor(end.cursor + 1), end.count)\n",
        f"{PRIMARY} -k one_that_is_old",
    ),
    Mutant(
        "markers-expiry-ignored",
        "chalicelib/idempotency.py",
        'f"{NO_MARKER} OR {EXPIRED}"',
        'f"{NO_MARKER} OR ({EXPIRED} AND {NO_MARKER})"',
        f"{PRIMARY} -k lifetime",
    ),
    Mutant(
        "marker-overwritten",
        "chalicelib/idempotency.py",
        'f"{NO_MARKER} OR {EXPIRED}"',
        'f"{NO_MARKER} OR {EXPIRED} OR expires_at > :now"',
        f"{PRIMARY} -k Idempotency",
    ),
    Mutant(
        "failed-connection-taken-for-a-defect",
        "chalicelib/connections.py",
        "except (OSError, HttpParserError, HttpParserUpgrade)",
        "except (TimeoutError, HttpParserError, HttpParserUpgrade)",
        "tests/unit/test_connections.py -k no_whole_answer",
    ),
    Mutant(
        "half-an-answer-taken-for-all",
        "chalicelib/connections.py",
        '            raise ConnectionError("closed")\n',
        "            break\n",
        "tests/unit/test_connections.py -k no_whole_answer",
    ),
    Mutant(
        "connection-kept-after-a-failure",
        "chalicelib/connections.py",
        "self._idle() or self._connect(), False\n",
        "self._idle() or self._connect(), True\n",
        "tests/unit/test_connections.py -k too_late",
    ),
    Mutant(
        "interim-answer-taken-for-the-answer",
        "chalicelib/connections.py",
        "self.is_complete = self.status >= 200",
        "self.is_complete = True",
        "tests/unit/test_connections.py -k interim",
    ),
    Mutant(
        "closed-connection-used-again",
        "chalicelib/connections.py",
        "            if not is_readable(connection):\n",
        "            if True:\n",
        "tests/unit/test_connections.py -k closed_meanwhile",
    ),
    Mutant(
        "any-server-believed",
        "chalicelib/trust.py",
        "    return ssl.create_default_context()\n",
        "    return ssl._create_unverified_context()\n",
        "tests/unit/test_connections.py -k nobody_is_believed",
    ),
    Mutant(
        "signed-with-yesterdays-key",
        "chalicelib/signing.py",
        "if (known_scope, known_secret) == (scope, secret):",
        "if known_secret == secret:",
        "tests/unit/test_signing.py -k remembered",
    ),
    Mutant(
        "conflict-taken-for-a-defect",
        "chalicelib/http_engine.py",
        '_IN_CONFLICT = {"TransactionConflictException", ',
        "_IN_CONFLICT = {",
        "tests/contract/test_http_engine.py -k conflict",
    ),
    Mutant(
        "another-token-at-each-try",
        "chalicelib/http_engine.py",
        '                reply = self._send(f"{API}.{operation}", body)\n',
        "                again = {**request, 'ClientRequestToken': secrets.token_hex(16)}\n"
        '                reply = self._send(f"{API}.{operation}", orjson.dumps(again))\n',
        "tests/contract/test_http_engine.py -k is_the_same_one",
    ),
    Mutant(
        "hoped-for-tail-remembered",
        "chalicelib/primary.py",
        "                case Verdict.UNKNOWN:\n                    unknown = True\n",
        "                case Verdict.UNKNOWN:\n                    unknown = True\n"
        "                    self._tails.remember(save.user, end_of(entries))\n",
        f"{PRIMARY} -k moves_no_tail",
    ),
    Mutant(
        "tail-remembered-without-its-count",
        "chalicelib/primary.py",
        "    return Tail(entries[-1].cursor, entries[-1].count)\n",
        "    return Tail(entries[-1].cursor, entries[-1].cursor)\n",
        f"{PRIMARY} -k deletion_moves_it",
    ),
    Mutant(
        "tail-remembered-for-everyone",
        "chalicelib/tails.py",
        "self._seen.get(user, (None, 0.0))",
        "next(iter(self._seen.values()), (None, 0.0))",
        "tests/contract/test_primary.py -k share_it",
    ),
    # Delete
    Mutant(
        "deletion-answered-without-sync",
        "chalicelib/deletion.py",
        "            self._syncer.sync(user, deadline)\n"
        "            if not deadline.passed() and partition.is_erased(cursor):\n",
        "            if True:\n",
        DELETION,
    ),
    Mutant(
        "deletion-answered-while-the-partition-shows-it",
        "chalicelib/deletion.py",
        "            if not deadline.passed() and partition.is_erased(cursor):\n",
        "            if True:\n",
        f"{DELETION} -k does_not_answer",
    ),
    Mutant(
        "deletion-of-what-is-deleted",
        "chalicelib/log.py",
        'condition = {"ConditionExpression": IS_IMAGE, ',
        'condition = {"ConditionExpression": IS_IMAGE + " OR attribute_exists(user_id)", ',
        f"{DELETION} -k half_seen",
    ),
    Mutant(
        "deletion-by-a-remembered-tail",
        "chalicelib/primary.py",
        "                tail = self.tail(user)\n",
        "                tail = self._tails.get(user) or self.tail(user)\n",
        f"{PRIMARY} -k looks_for_the_tail",
    ),
    Mutant(
        "stub-removed",
        "chalicelib/primary.py",
        "                stub = self._log.strip_image(user, cursor, ENTRY_PAYLOAD)\n",
        "                stub = self._log.removal(user, cursor)\n",
        f"{DELETION} -k stub_keeps",
    ),
    Mutant(
        "stub-without-its-idem",
        "chalicelib/items.py",
        "ENTRY_PAYLOAD = Payload._fields",
        'ENTRY_PAYLOAD = ("idem", *Payload._fields)',
        DELETION,
    ),
    Mutant(
        "index-attribute-lost-with-a-stub",
        "chalicelib/items.py",
        "ENTRY_PAYLOAD = Payload._fields",
        'ENTRY_PAYLOAD = ("registered_at", *Payload._fields)',
        DELETION,
    ),
    Mutant(
        "prompt-left-in-a-stub",
        "chalicelib/items.py",
        "ENTRY_PAYLOAD = Payload._fields",
        'ENTRY_PAYLOAD = tuple(name for name in Payload._fields if name != "prompt")',
        DELETION,
    ),
    Mutant(
        "optional-fields-left-in-a-stub",
        "chalicelib/items.py",
        "ENTRY_PAYLOAD = Payload._fields",
        'ENTRY_PAYLOAD = tuple(name for name in Payload._fields if "m" in name)',
        DELETION,
    ),
    Mutant(
        "version-left-in-a-stub",
        "chalicelib/items.py",
        'ROW_PAYLOAD = ("image", "version")',
        'ROW_PAYLOAD = ("image",)',
        DELETION,
    ),
    Mutant(
        "deletion-looks-only-once",
        "chalicelib/deletion.py",
        "        for _ in self._backoff.attempts(deadline):\n",
        "        for _ in range(1):\n",
        f"{DELETION} -k looks_again",
    ),
    # Sync
    Mutant(
        "sync-by-batch-write-item",
        "chalicelib/partition.py",
        "            self._log.put_new([row_to_item(self._user, row) for row in rows])\n",
        "            engine = getattr(self._log._dynamo, 'inner', self._log._dynamo)\n"
        "            puts = [{'PutRequest': {'Item': row_to_item(self._user, r)}} for r in rows]\n"
        "            hook = getattr(self._log._dynamo, 'before', None)\n"
        "            hook and hook('transact_write_items', {})\n"
        "            for i in range(0, len(puts), 25):\n"
        "                chunk = {self._log._table: puts[i : i + 25]}\n"
        "                engine._call('BatchWriteItem', {'RequestItems': chunk})\n",
        f"{SYNC} -k brings_back",
    ),
    Mutant(
        "sync-without-the-tail-read",
        "chalicelib/sync.py",
        "                tail = partition.tail()\n",
        "                pass\n",
        f"{SYNC} -k overtaken",
    ),
    Mutant(
        "sync-copies-over-a-gap",
        "chalicelib/primary.py",
        "            length = leading_run((entry.cursor for entry in entries), cursor)\n",
        "            length = len(entries)\n",
        f"{SYNC} -k gap",
    ),
    Mutant(
        "sync-shows-a-deletion-before-its-stub",
        "chalicelib/sync.py",
        "        partition.erase(cursor, deadline)\n",
        "",
        f"{SYNC} -k only_after",
    ),
    Mutant(
        "sync-always-says-up-to-date",
        "chalicelib/sync.py",
        "len(chunk.rows), is_all, oldest)",
        "len(chunk.rows), True, oldest)",
        f"{SYNC} -k chunks",
    ),
    # Reads
    Mutant(
        "page-without-contiguity",
        "chalicelib/partition.py",
        "    return top_fits and end_fits and is_consecutive(cursors, -1)\n",
        "    return top_fits and end_fits\n",
        f"{PARTITION} -k hole",
    ),
    Mutant(
        "page-without-contiguity-at-the-top",
        "chalicelib/partition.py",
        "    return top_fits and end_fits and is_consecutive(cursors, -1)\n",
        "    return end_fits and is_consecutive(cursors, -1)\n",
        f"{PARTITION} -k missing_top",
    ),
    Mutant(
        "page-without-contiguity-at-the-bottom",
        "chalicelib/partition.py",
        "    return top_fits and end_fits and is_consecutive(cursors, -1)\n",
        "    return top_fits and is_consecutive(cursors, -1)\n",
        "tests/unit/test_runs.py",
    ),
    Mutant(
        "changes-without-contiguity",
        "chalicelib/partition.py",
        "cursors[0] == after + 1 and is_consecutive(cursors, 1)",
        "cursors[0] == after + 1",
        f"{PARTITION} -k hole",
    ),
    Mutant(
        "changes-without-contiguity-at-the-start",
        "chalicelib/partition.py",
        "cursors[0] == after + 1 and is_consecutive(cursors, 1)",
        "is_consecutive(cursors, 1)",
        f"{PARTITION} -k hole",
    ),
    Mutant(
        "changes-without-deletions",
        "chalicelib/partition.py",
        'if row.kind != "erased")',
        'if row.kind == "image")',
        FOLDING,
    ),
    Mutant(
        "changes-with-stubs",
        "chalicelib/partition.py",
        'if row.kind != "erased")',
        'if row.kind != "nothing")',
        FOLDING,
    ),
    Mutant(
        "page-ends-one-too-early",
        "chalicelib/partition.py",
        "    return None if lowest == 1 else lowest\n",
        "    return None if lowest in (None, 1, 2) else lowest\n",
        FOLDING,
    ),
    Mutant(
        "count-not-lowered-by-a-deletion",
        "chalicelib/primary.py",
        "created_at, tail.count - i, deletes=cursor)",
        "created_at, tail.count, deletes=cursor)",
        FOLDING,
    ),
    Mutant(
        "inconsistent-reads",
        "chalicelib/log.py",
        "            ConsistentRead=True,\n",
        "            ConsistentRead=False,\n",
        f"{PARTITION} -k consistent",
    ),
    Mutant(
        "image-shown-beside-its-deletion",
        "chalicelib/partition.py",
        'for item in read.items if "deletes" in item}',
        'for item in read.items if "deletes" in item and False}',
        "tests/contract/test_partition.py -k beside_its_deletion",
    ),
    Mutant(
        "reads-from-the-primary",
        "chalicelib/services.py",
        "Partition(self.dynamo_for(user), self.tables.partition,",
        "Partition(self.dynamo_for(user), self.tables.primary,",
        f"{WIRE} -k callers_partition",
    ),
    # Isolation and authentication
    Mutant(
        "user-taken-from-the-body",
        "chalicelib/api/writes.py",
        "    payload = image_of(json_body(call.request))\n",
        "    body = json_body(call.request)\n"
        "    named = body.pop('user', call.request.user)\n"
        "    payload = image_of(body)\n"
        "    call = call._replace(request=call.request._replace(user=named))\n",
        f"{WIRE} -k authorizers_word",
    ),
    Mutant(
        "expired-token-served-from-the-authorizers-cache",
        "chalicelib/api/endpoint.py",
        "    if float(authorizer[EXPIRES_AT]) <= now:\n",
        "    if float(authorizer[EXPIRES_AT]) <= 0:\n",
        f"{WIRE} -k expired",
    ),
    Mutant(
        "hs256-accepted-with-the-public-key",
        "chalicelib/auth.py",
        "        payload: bytes = PyJWS().decode(",
        "        import base64, hmac\n"
        "        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat\n"
        "        form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo\n"
        "        signed, _, mac = token.rpartition('.')\n"
        "        secret = key.public_key.public_bytes(*form)\n"
        "        ours = hmac.digest(secret, signed.encode(), 'sha256')\n"
        "        if base64.urlsafe_b64encode(ours).decode().rstrip('=') == mac:\n"
        "            return base64.urlsafe_b64decode(signed.split('.')[1] + '==')\n"
        "        payload: bytes = PyJWS().decode(",
        "tests/unit/test_auth.py -k hmac_with_the_public_key",
    ),
    Mutant(
        "keys-that-a-token-brings-along",
        "chalicelib/auth.py",
        "        key = self._keys.find(kid_of(token))\n",
        "        header = PyJWS().get_unverified_header(token)\n"
        "        brought = signing_key(header.get('jwk'))\n"
        "        key = brought or self._keys.find(kid_of(token))\n",
        "tests/unit/test_auth.py -k keys_in_the_token",
    ),
    Mutant(
        "audience-not-checked",
        "chalicelib/auth.py",
        "    if not _is_meant_for(oidc.audience, claims):\n",
        "    if not oidc.audience:\n",
        "tests/unit/test_auth.py",
    ),
    # The stream
    Mutant(
        "failures-of-a-batch-not-reported",
        "chalicelib/doorbell.py",
        "        if deadline.passed()\n        or not _synced(",
        "        if deadline.passed()\n        and not _synced(",
        "tests/unit/test_doorbell.py",
    ),
    Mutant(
        "users-beyond-the-deadline-not-reported",
        "chalicelib/doorbell.py",
        "        if deadline.passed()\n        or not _synced(",
        "        if not deadline.passed()\n        and not _synced(",
        "tests/unit/test_doorbell.py",
    ),
    Mutant(
        "pump-stopped-in-a-closed-shard-ends-it",
        "local/pump.py",
        "        if self.stop.is_set():  # perhaps",
        "        if False:  # perhaps",
        "tests/unit/test_pump.py",
    ),
    Mutant(
        "pump-forgets-where-it-was",
        "local/pump.py",
        '        if after is not None:\n            start = {"ShardIteratorType": "AFTER',
        '        if after is None:\n            start = {"ShardIteratorType": "AFTER',
        "tests/unit/test_pump.py -k restart",
    ),
    # Rebuild
    Mutant(
        "rebuild-without-its-check-of-the-primary",
        "chalicelib/partition.py",
        "[self._log.replacement(item), check]",
        "[self._log.replacement(item)]",
        "tests/operations/test_rebuild.py -k never_brings_back",
    ),
    Mutant(
        "rebuild-removes-what-was-saved-anew",
        "chalicelib/partition.py",
        "[self._log.removal(self._user, cursor), check]",
        "[self._log.removal(self._user, cursor)]",
        "tests/operations/test_rebuild.py -k new_entries_come",
    ),
    Mutant(
        "rebuild-beyond-the-tail",
        "chalicelib/operations/rebuild_partition.py",
        "entry.cursor <= tail]\n            if not entries:",
        "entry.cursor <= tail + 99]\n            if not entries:",
        "tests/operations/test_rebuild.py -k never_goes_beyond",
    ),
    Mutant(
        "rebuild-keeps-what-the-primary-lost",
        "chalicelib/operations/rebuild_partition.py",
        "if top <= self.primary.tail(self.user).cursor:",
        "if top >= 0:",
        "tests/operations/test_rebuild.py -k restored",
    ),
    Mutant(
        "rebuild-leaves-rows-below-the-first",
        "chalicelib/operations/rebuild_partition.py",
        "BELOW_ALL, START)",
        "START, START)",
        "tests/operations/test_rebuild.py -k none_may_be",
    ),
    Mutant(
        "rebuild-trusts-its-first-look",
        "chalicelib/operations/rebuild_partition.py",
        "elif self._restore(entry):",
        "elif self._restore(entry) or True:",
        "tests/operations/test_rebuild.py -k lost_write",
    ),
    Mutant(
        "rebuild-resumes-from-its-beginning",
        "chalicelib/operations/rebuild_partition.py",
        '"cursor": reached.cursor}, counts',
        '"cursor": cursor}, counts',
        "tests/operations/test_resuming.py -k from_every_stop",
    ),
    # Versions of the read copy
    Mutant(
        "migration-without-its-condition",
        "chalicelib/log.py",
        'IS_OUTDATED = "#version < :current"',
        'IS_OUTDATED = "#version < :current OR attribute_exists(user_id)"',
        "tests/operations/test_migrating.py -k never_brings_back",
    ),
    Mutant(
        "sync-without-migration",
        "chalicelib/sync.py",
        "if may_be_outdated(row) and not",
        "if row is None and not",
        "tests/operations/test_migrating.py -k on_sync",
    ),
    Mutant(
        "stub-at-the-tail-taken-for-todays-form",
        "chalicelib/migration.py",
        '(tail.outdated or tail.kind == "erased")',
        "tail.outdated",
        "tests/operations/test_migrating.py -k ends_in_a_stub",
    ),
    Mutant(
        "migration-beyond-a-transactions-size",
        "chalicelib/migration.py",
        "some = fitting(outdated)",
        "some = outdated",
        "tests/operations/test_migrating.py -k rows_that_grow",
    ),
    Mutant(
        "version-escaped-in-part",
        "chalicelib/versions.py",
        '"<>&\\u2028\\u2029"}',
        '"<>&\\u2028"}',
        "tests/unit/test_versions.py",
    ),
    # Verify
    Mutant(
        "verify-reports-what-was-half-seen",
        "chalicelib/operations/verify_user.py",
        "what = self._again(pair, deadline)",
        "self._again(pair, deadline)",
        "tests/operations/test_verify.py -k reads_again",
    ),
    Mutant(
        "verify-blames-a-deletion-that-waits",
        "chalicelib/operations/verify_user.py",
        "if is_stub and stored is not None",
        "if not is_stub and stored is not None",
        "tests/operations/test_verify.py -k waits_for_its_sync",
    ),
    Mutant(
        "verify-excuses-all-under-a-deletion-that-waits",
        "chalicelib/operations/verify_user.py",
        "stored = stripped(stored)",
        "return None",
        "tests/operations/test_verify.py -k damage_under",
    ),
    Mutant(
        "verify-blames-being-behind",
        "chalicelib/operations/verify_user.py",
        "[entry for entry in run.entries if entry.cursor <= tail]\n            last",
        "list(run.entries)\n            last",
        "tests/operations/test_verify.py -k behind_is_no_fault",
    ),
    Mutant(
        "verify-compares-keys-alone",
        "chalicelib/operations/comparison.py",
        "name for name in {*wanted, *stored} if wanted.get(name) != stored.get(name)",
        "name for name in {*wanted} ^ {*stored}",
        "tests/operations/test_verify.py -k finds",
    ),
    # Sweep
    Mutant(
        "walk-skips-the-first-user",
        "chalicelib/operations/walk.py",
        "in users.after(last):",
        "in list(users.after(last))[1:]:",
        "tests/operations/test_sweep.py -k who_is_behind",
    ),
    Mutant(
        "sweep-stopped-by-one-user",
        "chalicelib/operations/sweep.py",
        "counts.update(users=1, failed=1)\n            return None",
        "raise",
        "tests/operations/test_sweep.py -k who_fails",
    ),
    Mutant(
        "sweep-tells-of-what-is-on-its-way",
        "chalicelib/operations/sweep.py",
        " > LATE * 1000",
        " >= 0",
        "tests/operations/test_sweep.py -k has_forgotten",
    ),
    Mutant(
        "sweep-without-its-budget",
        "chalicelib/operations/sweep.py",
        "budget = metered.dynamo.budget(read_units, deadline)",
        "budget = deadline",
        "tests/operations/test_sweep.py -k keeps_to_its_budget",
    ),
    Mutant(
        "sweep-begins-each-round-anew",
        "chalicelib/operations/sweep.py",
        'swept.get("resume", {})',
        "{}",
        "tests/operations/test_sweep.py -k goes_round",
    ),
    Mutant(
        "reads-not-metered",
        "chalicelib/metering.py",
        "self._read(self._inner.scan, request)",
        "self._inner.scan(**request)",
        "tests/unit/test_metering.py",
    ),
    # Erase and export
    Mutant(
        "erase-answers-without-a-look",
        "chalicelib/operations/erase_user.py",
        "erasure.check(checked, deadline)",
        "Checked(through, through)",
        "tests/operations/test_erase.py -k leaves_nothing",
    ),
    Mutant(
        "erase-beyond-its-first-calls-tail",
        "chalicelib/operations/erase_user.py",
        "[entry for entry in run.entries if entry.cursor <= self.through]\n            images",
        "list(run.entries)\n            images",
        "tests/operations/test_erase.py -k saved_after_its_first",
    ),
    Mutant(
        "erase-deletes-twice",
        "chalicelib/log.py",
        'condition = {"ConditionExpression": IS_IMAGE, ',
        'condition = {"ConditionExpression": IS_IMAGE + " OR attribute_exists(user_id)", ',
        "tests/operations/test_erase.py -k deletes_first",
    ),
    Mutant(
        "export-longer-than-lambda-answers",
        "chalicelib/operations/export_user.py",
        " or is_heavy(images)",
        "",
        "tests/operations/test_reading.py -k lambda_can_answer",
    ),
    # Redrive and events
    Mutant(
        "redrive-deletes-what-failed",
        "chalicelib/operations/redrive_dead_letters.py",
        'outcome in ("redriven", "trimmed")',
        'outcome != "unreadable"',
        "tests/operations/test_redrive.py -k user_who_fails",
    ),
    Mutant(
        "redrive-ends-at-an-empty-page",
        "chalicelib/botocore_letters.py",
        'if found["Records"] and batch.ends_before',
        'if not found["Records"] or batch.ends_before',
        "tests/operations/test_redrive.py -k empty_pages",
    ),
    Mutant(
        "event-with-an-unknown-field-taken",
        "chalicelib/operations/event.py",
        "for name in self._left:",
        "for name in ():",
        "tests/operations/test_wrong_events.py -k unknown_field",
    ),
    Mutant(
        "event-takes-true-for-1",
        "chalicelib/operations/event.py",
        " or isinstance(value, bool)",
        "",
        "tests/operations/test_wrong_events.py -k wrong_cursor",
    ),
    # The stream's turns
    Mutant(
        "doorbell-without-shares",
        "chalicelib/doorbell.py",
        "deadline.share(len(users) - turn)",
        "deadline",
        "tests/unit/test_doorbell.py -k hangs",
    ),
    Mutant(
        "doorbell-without-metrics",
        "chalicelib/doorbell.py",
        '        metrics.count("SyncUnfinished", user=user)\n',
        "",
        "tests/unit/test_doorbell.py -k counted_by_user",
    ),
    # What an operator watches
    Mutant(
        "lag-of-the-newest-entry",
        "chalicelib/sync.py",
        "oldest = run.entries[0].created_at",
        "oldest = run.entries[-1].created_at",
        "tests/operations/test_metrics.py -k oldest_save",
    ),
    Mutant(
        "lag-of-the-last-chunk",
        "chalicelib/sync.py",
        "self.oldest or step.oldest",
        "step.oldest or self.oldest",
        "tests/operations/test_metrics.py -k long_backlog",
    ),
    Mutant(
        "refused-token-not-counted",
        "chalicelib/api/authorizer.py",
        '        metrics.count("AuthorizerRefused", reason=refused.reason)\n',
        "        assert refused\n",
        "tests/operations/test_metrics.py -k AuthorizerRefused",
    ),
    Mutant(
        "first-try-counted-as-a-retry",
        "chalicelib/primary.py",
        "            if attempt:\n                self._metrics",
        "            if True:\n                self._metrics",
        "tests/operations/test_metrics.py -k first_try",
    ),
    Mutant(
        "failed-sync-counts-nothing",
        "chalicelib/sync.py",
        "        finally:  # what was added can be read, whatever came after it\n",
        "        except ZeroDivisionError:\n            pass\n        else:\n",
        "tests/operations/test_metrics.py -k fails_later",
    ),
    Mutant(
        "an-errors-text-is-logged",
        "chalicelib/logs.py",
        'return {"error": type(error).__name__,',
        'return {"error": repr(error),',
        "tests/operations/test_logs.py",
    ),
    Mutant(
        "path-is-logged",
        "chalicelib/api/access_log.py",
        '"route": request.path,',
        '"route": request.context["path"],',
        "tests/unit/test_access_log.py",
    ),
    Mutant(
        "chunk-erases-without-end",
        "chalicelib/projection.py",
        "len(erasing) > MAX_ERASURES else",
        "len(erasing) > 10**9 else",
        "tests/unit/test_projection.py -k few",
    ),
    # Isolation
    Mutant(
        "markers-shared-by-users",
        "chalicelib/items.py",
        '"user_id": marker.user}',
        '"user_id": "everyone"}',
        "tests/isolation/test_isolation.py -k idempotency_key_is_as_good",
    ),
    Mutant(
        "header-names-the-user",
        "chalicelib/api/endpoint.py",
        'user=UserId(authorizer["principalId"]),',
        'user=UserId(request.headers.get("x-user", authorizer["principalId"])),',
        "tests/isolation/test_isolation.py -k generated_requests",
    ),
    Mutant(
        "every-tag-matches",
        "chalicelib/api/answer.py",
        'return "*" in tags or etag in tags',
        'return "*" in tags or any(tag.startswith(\'"\') for tag in tags)',
        "tests/isolation/test_isolation.py -k anothers_tag",
    ),
    # The gallery, by its own tests
    Mutant(
        "a-save-is-sent-again-under-a-new-key",
        "gallery/src/library/outbox.ts",
        "      await this.#fail(sent, asProblem(thrown));\n",
        "      await this.#fail({ ...sent, key: crypto.randomUUID() }, asProblem(thrown));\n",
        f"{OUTBOX} -t done.once",
    ),
    Mutant(
        "when-a-save-was-sent-is-not-kept",
        "gallery/src/library/outbox.ts",
        "    await this.around.kept.put(sent);\n",
        "",
        f"{OUTBOX} -t after.a.day",
    ),
    Mutant(
        "a-confirmed-save-stays-on-the-device",
        "gallery/src/library/outbox.ts",
        "    await this.around.kept.drop(save.id);\n",
        "",
        f"{OUTBOX} -t nothing.is.kept",
    ),
    Mutant(
        "a-save-without-a-sign-in-is-refused",
        "gallery/src/library/outbox.ts",
        "if (!signedOut && !isTransient(problem))",
        "if (!isTransient(problem))",
        f"{OUTBOX} -t without.a.sign-in",
    ),
    Mutant(
        "a-discarded-save-stays-in-the-grid",
        "gallery/src/library/outbox.ts",
        "    this.#become(this.#entries.filter(({ save }) => save.id !== id));\n",
        "",
        f"{OUTBOX} -t until.it.is.discarded",
    ),
    Mutant(
        "a-deletion-is-not-held-back",
        "gallery/src/library/removal.ts",
        "this.#due(deletion.id), HELD),",
        "this.#due(deletion.id), 0),",
        f"{REMOVAL} -t is.held.back",
    ),
    Mutant(
        "an-undone-deletion-is-sent",
        "gallery/src/library/removal.ts",
        "    this.#forget(entry);\n    return true;\n",
        "    this.#due(id);\n    return true;\n",
        f"{REMOVAL} -t undone",
    ),
    Mutant(
        "a-deletion-ends-the-time-of-the-one-before",
        "gallery/src/library/removal.ts",
        "    void this.around.kept.put(deletion);\n    this.#timers.set(",
        "    void this.around.kept.put(deletion);\n    this.close();\n    this.#timers.set(",
        f"{REMOVAL} -t its.own.time",
    ),
    Mutant(
        "a-deletion-is-not-kept",
        "gallery/src/library/removal.ts",
        "    void this.around.kept.put(deletion);\n    this.#timers.set(",
        "    this.#timers.set(",
        f"{REMOVAL} -t was.killed",
    ),
    Mutant(
        "a-deletion-forgets-what-is-left-of-it",
        "gallery/src/library/removal.ts",
        "    if (!left.length) await this.around.kept.drop(id);\n    else if",
        "    await this.around.kept.drop(id);\n    if",
        f"{REMOVAL} -t did.not.get.through",
    ),
    Mutant(
        "a-deletion-gives-up-in-trouble",
        "gallery/src/library/removal.ts",
        "if (signedOut || isTransient(problem)) {",
        "if (signedOut) {",
        f"{REMOVAL} -t however.long",
    ),
    Mutant(
        "one-that-never-was-keeps-others-from-being-deleted",
        "gallery/src/library/removal.ts",
        "      if (some.length > 1) return Math.ceil(some.length / 2); // one never was an image\n",
        "",
        f"{REMOVAL} -t as.good.as.deleted",
    ),
    Mutant(
        "a-deletion-that-failed-stays-hidden",
        "gallery/src/library/removal.ts",
        "isFailed(entry) ? cursors.filter((cursor) => !entry.left.includes(cursor)) : cursors",
        "cursors",
        f"{REMOVAL} -t comes.back.with.why",
    ),
    Mutant(
        "a-deletion-is-sent-to-another-library",
        "gallery/src/library/create-library.ts",
        "  if (isAnother) removals.outlived();\n",
        "",
        "gallery/src/library/create-library.test.ts -t another.library,.and",
    ),
    Mutant(
        "a-deletion-is-taken-from-the-page-that-holds-it",
        "gallery/src/library/persist.ts",
        "!others.has(page) && page !== pages.name",
        "page !== pages.name",
        "gallery/src/library/create-library.test.ts -t is.left.to.it",
    ),
    Mutant(
        "a-page-that-closes-keeps-what-it-holds",
        "gallery/src/library/create-library.ts",
        '  listen("pagehide", () => removals.close());\n',
        "",
        "gallery/src/library/create-library.test.ts -t a.page.that.closes",
    ),
    Mutant(
        "what-the-device-keeps-has-no-age",
        "gallery/src/library/persist.ts",
        "this.now() - this.#timeOf(value) > lasts(name)",
        "this.#timeOf(value) < 0",
        "gallery/src/library/persist.test.ts -t for.a.week",
    ),
    Mutant(
        "the-library-stays-in-the-browsers-cache",
        "gallery/src/api/client.ts",
        '      cache: "no-store", // or it would outlive the session\n',
        "",
        f"{CLIENT} -t browser's.cache",
    ),
    Mutant(
        "a-deletion-ends-with-its-page",
        "gallery/src/api/client.ts",
        "        keepalive: true,\n",
        "",
        f"{CLIENT} -t outlives",
    ),
    Mutant(
        "an-older-page-brings-back-what-was-deleted",
        "gallery/src/library/library.ts",
        "page.images.filter((image) => !gone.has(image.cursor))",
        "page.images",
        f"{LIBRARY} -t bring.the.image.back",
    ),
    Mutant(
        "an-answer-that-comes-late-is-folded-in",
        "gallery/src/library/library.ts",
        "if (after > library.cursor || feed.cursor <= library.cursor)",
        "if (after > library.cursor)",
        f"{LIBRARY} -t never.goes.back",
    ),
    Mutant(
        "changes-are-folded-in-twice",
        "gallery/src/library/library.ts",
        "feed.changes.filter((change) => change.cursor > library.cursor)",
        "feed.changes",
        f"{LIBRARY} -t whatever.order",
    ),
    Mutant(
        "the-feed-is-asked-without-its-mark",
        "gallery/src/library/queries.ts",
        "api.changes(cursor, mark, signal)",
        'api.changes(cursor, "", signal)',
        f"{QUERIES} -t found.out.by.the.feed",
    ),
    Mutant(
        "older-pages-are-asked-without-their-mark",
        "gallery/src/library/queries.ts",
        "api.olderPage(next!, nextMark)",
        'api.olderPage(next!, "")',
        f"{QUERIES} -t found.out.by.an.older.page",
    ),
    Mutant(
        "an-empty-page-is-the-last",
        "gallery/src/library/queries.ts",
        "for (let came = 0; !came;) {",
        "for (let came = 0, asked = 0; !came && !asked; asked++) {",
        "gallery/src/library/create-library.test.ts -t are.read.past",
    ),
    Mutant(
        "a-restored-library-is-not-started-over",
        "gallery/src/library/queries.ts",
        '    if (problem.code !== "resync-required") throw problem;\n    return undefined;\n',
        "    throw problem;\n",
        f"{QUERIES} -t starts.over",
    ),
    Mutant(
        "what-is-not-synced-yet-is-not-synced",
        "gallery/src/library/queries.ts",
        "await api.sync();\n      if",
        "{ cursor: 0, upToDate: false };\n      if",
        f"{QUERIES} -t syncs.until",
    ),
    Mutant(
        "a-server-in-trouble-is-asked-as-often",
        "gallery/src/library/queries.ts",
        "state.error ? POLL_IN_TROUBLE : POLL",
        "POLL",
        f"{QUERIES} -t less.often",
    ),
    Mutant(
        "the-cache-is-anyones",
        "gallery/src/library/queries.ts",
        'return ["images", user];',
        'return ["images", "anyone"];',
        f"{QUERIES} -t nothing.to.another",
    ),
    Mutant(
        "signing-out-forgets-nothing",
        "gallery/src/session/session.ts",
        "    await this.around.forget(user);\n",
        "",
        f"{SESSION} -t forgets.the.user",
    ),
    Mutant(
        "signing-out-ends-one-tab",
        "gallery/src/session/session.ts",
        "    this.#tabs.end(user.id);\n",
        "",
        f"{SESSION} -t in.all.tabs,",
    ),
    Mutant(
        "a-tab-that-is-brought-back-is-signed-in",
        "gallery/src/session/session.ts",
        "&& !isOver;",
        ";",
        f"{SESSION} -t brings.back",
    ),
    Mutant(
        "each-tab-uses-the-refresh-token",
        "gallery/src/session/session.ts",
        ".alone(() => this.#renewOnce(grant))",
        ".alone(() => this.#renewOnce(this.#grant.get()))",
        f"{SESSION} -t used.by.one.tab",
    ),
    Mutant(
        "anothers-sign-in-is-taken",
        "gallery/src/session/sign-in.ts",
        "new URL(address), attempt.state)",
        "new URL(address), oauth.skipStateCheck)",
        f"{SESSION} -t another.state",
    ),
    Mutant(
        "another-users-token-is-taken",
        "gallery/src/session/sign-in.ts",
        "if (claims && claims.sub !== grant.user.id)",
        "if (claims && !claims.sub)",
        f"{SESSION} -t names.another.user",
    ),
    Mutant(
        "an-answer-is-taken-twice",
        "gallery/src/session/session.ts",
        "    this.#attempt.clear();\n",
        "",
        f"{SESSION} -t taken.once",
    ),
    Mutant(
        "a-server-that-asks-for-time-gets-none",
        "gallery/src/api/problem.ts",
        "Math.max((problem.retryAfter ?? 0) * 1000, longest * (0.5 + Math.random() / 2))",
        "longest * (0.5 + Math.random() / 2)",
        f"{CLIENT} -t waits.grow",
    ),
    # The gallery, in the browser
    Mutant(
        "the-next-user-sees-the-formers-images",
        "gallery/src/library/persist.ts",
        "return `${LIBRARY}${user}`;",
        "return LIBRARY;",
        "tests/browser/test_library.py -k in_a_second_tab",
    ),
    Mutant(
        "a-prompt-is-markup",
        "gallery/src/views/Detail.tsx",
        '<p tabindex="0">{props.image.prompt}</p>',
        '<p tabindex="0" innerHTML={props.image.prompt} />',
        "tests/browser/test_library.py -k shown_as_text",
    ),
    Mutant(
        "a-refused-save-leaves-its-tile",
        "gallery/src/views/SaveForm.tsx",
        "      gallery.library.discard(result.id);\n",
        "",
        "tests/browser/test_saving.py -k stands_at_the_field",
    ),
    Mutant(
        "the-token-is-every-tabs",
        "gallery/src/session/use-session.ts",
        "storage: allowed(() => sessionStorage)",
        "storage: allowed(() => localStorage)",
        "tests/browser/test_security.py -k second_tab_is",
    ),
    Mutant(
        "the-page-jumps-when-others-save",
        "gallery/src/views/wall.ts",
        "      if (!view.atTop()) distance = moved();\n",
        "",
        "tests/browser/test_scrolling.py -k looked_at_stays",
    ),
]
