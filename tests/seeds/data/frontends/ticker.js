// What the frontend of the ticker does, for Node: shows each tick. It stops after the second.
var autobahn = require('autobahn');

var connection = new autobahn.Connection({ url: process.env.CBURL, realm: process.env.CBREALM });

connection.onopen = function (session) {
   var ticks = 0;
   session.subscribe('com.myapp.topic1', function (args) {
      console.log("Tick:", args[0]);
      ticks += 1;
      if (ticks === 2) {
         connection.close();
      }
   });
};

connection.open();
