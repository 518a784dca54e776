/** What is copied from the page Install. The names are those of the key: its id, and the secret that was told once. */

export const LANGUAGES = ['node', 'python', 'ruby'] as const
export type Language = (typeof LANGUAGES)[number]

export const snippet = (app: string, base: string) => `<script>
  window.Messenger = window.Messenger || ((...call) => Messenger.q.push(call));
  Messenger.q = Messenger.q || [];
  window.messengerSettings = {
    app_id: "${app}",
    api_base: "${base}",
    // your id of who is logged in, and their token, asked for when it is needed; leave both out for visitors
    user_id: "42",
    getUserJwt: () => fetch("/messenger-token").then((answer) => (answer.ok ? answer.text() : undefined))
  };
</script>
<script async src="${base}/loader.js"></script>`

export const module = (app: string, base: string) => `import Messenger from "messenger-sdk";

Messenger({
  app_id: "${app}",
  api_base: "${base}",
  user_id: "42", // your id of who is logged in
  getUserJwt: () => fetch("/messenger-token").then((answer) => (answer.ok ? answer.text() : undefined))
});`

export const policy = (base: string) => `script-src ${base};
frame-src ${base};`

export const signing = (app: string): Record<Language, string> => ({
  node: `import jwt from "jsonwebtoken";

const token = jwt.sign(
  { user_id: String(user.id), name: user.name, email: user.email },
  process.env.MESSENGER_SECRET,
  {
    algorithm: "HS256",
    keyid: process.env.MESSENGER_KEY_ID,
    audience: "${app}",
    expiresIn: "1h"
  }
);`,
  python: `import os, time
import jwt  # PyJWT

now = int(time.time())
token = jwt.encode(
    {
        "user_id": str(user.id), "name": user.name, "email": user.email,
        "aud": "${app}", "iat": now, "exp": now + 3600,
    },
    os.environ["MESSENGER_SECRET"],
    algorithm="HS256",
    headers={"kid": os.environ["MESSENGER_KEY_ID"]},
)`,
  ruby: `require "jwt"

now = Time.now.to_i
token = JWT.encode(
  {
    user_id: user.id.to_s, name: user.name, email: user.email,
    aud: "${app}", iat: now, exp: now + 3600
  },
  ENV.fetch("MESSENGER_SECRET"),
  "HS256",
  { kid: ENV.fetch("MESSENGER_KEY_ID") }
)`
})
