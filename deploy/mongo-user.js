// The user that DIYML logs in as; run once, when the database is empty.
db.getSiblingDB("admin").createUser({
  user: "diyml",
  pwd: process.env.DIYML_PASSWORD,
  roles: [{ role: "readWrite", db: "diyml" }],
});
